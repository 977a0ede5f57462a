package handlers

import (
	"errors"
	"strings"

	"github.com/labstack/echo/v4"

	"ackbox/store"
)

// readBody reads the body. Its room grows with what has arrived, so that nobody takes room by
// announcing a size. The buffer, which is new, has what has come of a body that is refused, and is
// to be released.
func (h *Handlers) readBody(c echo.Context, source store.Source, b *bodyBuffer) *refusal {
	r := c.Request()
	b.rooms, b.source = h.rooms, source.ID
	if r.ContentLength > h.BodyLimit {
		return &refusal{cause: causeTooLarge, size: int(r.ContentLength)}
	}
	p := newPace(c, h.BodyTimeout)
	for {
		size := h.rooms.nextSize(b.size(), r.ContentLength)
		if !b.grow(size) {
			return &refusal{cause: causeOverloaded, size: b.length}
		}
		if size > h.rooms.smallBody {
			p.expect(max(size, r.ContentLength))
		}
		ended, err := b.fill(r.Body, &p)
		switch {
		case err != nil:
			return &refusal{cause: causeInterrupted, size: b.length, err: unquoted(err)}
		case int64(b.length) > h.BodyLimit:
			return &refusal{cause: causeTooLarge, size: b.length}
		case ended:
			p.expect(0)
			return nil
		}
	}
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
