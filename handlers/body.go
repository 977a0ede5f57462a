package handlers

import (
	"errors"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"
)

const (
	// firstRead is the room that is made before the first byte has come: most messages fit in it.
	firstRead = 16 << 10
	// maxKept is how large a buffer may be that waits for the next body.
	maxKept = 1 << 20
)

// buffers are those that wait for the next body.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// readBody reads the body. Its room is a part of what all bodies share and grows with what has
// arrived, so that nobody takes room by announcing a size. release, which is never nil, gives back
// the room and the body with it.
func (h *Handlers) readBody(c echo.Context) (body []byte, release func(), refused *refusal) {
	r := c.Request()
	var taken int64
	buffer := buffers.Get().(*[]byte)
	body = (*buffer)[:0]
	release = func() {
		h.bodies.Release(taken)
		if cap(body) <= maxKept {
			*buffer = body
			buffers.Put(buffer)
		}
	}
	if r.ContentLength > h.BodyLimit {
		return nil, release, &refusal{cause: causeTooLarge, size: int(r.ContentLength)}
	}
	size := min(max(int64(cap(body)), firstRead), h.BodyLimit+1)
	for {
		if !h.bodies.TryAcquire(size - taken) {
			return nil, release, &refusal{cause: causeOverloaded, size: len(body)}
		}
		taken = size
		body = slices.Grow(body, int(size)-len(body))
		ended, err := fill(&body, r.Body)
		switch {
		case err != nil:
			return nil, release, &refusal{cause: causeInterrupted, size: len(body), err: unquoted(err)}
		case int64(len(body)) > h.BodyLimit:
			return nil, release, &refusal{cause: causeTooLarge, size: len(body)}
		case ended:
			return body, release, nil
		}
		size = min(2*size, h.BodyLimit+1)
	}
}

// fill reads until the buffer is full or the body has ended, and reports whether it has.
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

// unquoted returns an error of reading without the text that it quotes. net/http quotes an invalid
// trailer, which may be anything: part of a record, or another request, with its token.
func unquoted(err error) error {
	text, _, quotes := strings.Cut(err.Error(), `"`)
	if !quotes {
		return err
	}
	return errors.New(strings.TrimRight(text, ": "))
}
