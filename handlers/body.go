package handlers

import (
	"errors"
	"io"

	"github.com/labstack/echo/v4"
)

// firstRead is what is made room for before the first byte has come: most messages fit in it.
const firstRead = 16 << 10

// readBody reads the body. Its room comes out of what all bodies share and grows with what has arrived, so that nobody
// takes room by announcing a size. release gives it back; it is never nil.
func (h *Handlers) readBody(c echo.Context) (body []byte, release func(), refused *refusal) {
	r := c.Request()
	var taken int64
	release = func() { h.bodies.Release(taken) }
	if r.ContentLength > h.BodyLimit {
		return nil, release, refuse(causeTooLarge).sized(int(r.ContentLength))
	}
	size := int64(firstRead)
	if 0 <= r.ContentLength && r.ContentLength < size {
		size = r.ContentLength + 1 // one more, to see the end
	}
	for {
		if !h.bodies.TryAcquire(size - taken) {
			return nil, release, refuse(causeOverloaded).sized(len(body))
		}
		taken = size
		body = append(make([]byte, 0, size), body...)
		ended, err := fill(&body, r.Body)
		switch {
		case err != nil:
			return nil, release, refuse(causeInterrupted).sized(len(body)).because(err)
		case int64(len(body)) > h.BodyLimit:
			return nil, release, refuse(causeTooLarge).sized(len(body))
		case ended:
			return body, release, nil
		}
		size = min(2*size, h.BodyLimit+1)
	}
}

// fill reads until the buffer is full or the body has ended, and tells whether it has.
func fill(buffer *[]byte, body io.Reader) (ended bool, err error) {
	for len(*buffer) < cap(*buffer) {
		n, err := body.Read((*buffer)[len(*buffer):cap(*buffer)])
		*buffer = (*buffer)[:len(*buffer)+n]
		if err != nil {
			if errors.Is(err, io.EOF) {
				return true, nil
			}
			return false, err
		}
	}
	return false, nil
}
