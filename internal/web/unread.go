package web

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/labstack/echo/v4"
)

// unreadTimeout is how long the rest of a body may take that nobody reads.
const unreadTimeout = 5 * time.Second

// dropUnread ends a request whose handler has returned err, maybe before its body has come, as one
// to an unknown URL or one that is too large. A refusal is answered at once, and then the rest of
// the body is read and dropped for a while: a sender that writes all of it before it reads would
// find its connection broken, and never see why. However long the sender goes on, it gets no more
// time than that: whoever has no token could keep connections busy.
func dropUnread(c echo.Context, body *trackedBody, err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return err // the body was too slow: it gets no more time
	}
	control := http.NewResponseController(c.Response())
	// Without a connection, as in a test, there is neither a deadline nor full duplex.
	_ = control.SetReadDeadline(time.Now().Add(unreadTimeout))
	if err == nil || body == nil || body.ended || control.EnableFullDuplex() != nil {
		return err
	}
	c.Response().Header()[echo.HeaderConnection] = closeConnection
	c.Error(err)
	if control.Flush() == nil {
		_, _ = io.Copy(io.Discard, body) // until its end, or the deadline
	}
	return nil
}

// trackedBody knows whether a body was read to its end.
type trackedBody struct {
	io.ReadCloser
	ended bool
}

// track makes a request's body b. It returns nil for one whose end needs no knowing: there is no
// body, or the sender waits to be asked for it.
func (b *trackedBody) track(r *http.Request) *trackedBody {
	if r.Body == nil || r.Body == http.NoBody || r.Header.Get("Expect") != "" {
		return nil
	}
	b.ReadCloser = r.Body
	r.Body = b
	return b
}

// Read implements [io.Reader].
func (b *trackedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.ended = b.ended || err != nil
	return n, err
}
