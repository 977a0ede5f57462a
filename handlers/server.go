package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// Public is the handler of the address that Salesforce reaches.
func Public(h *Handlers) http.Handler {
	e := newEcho(h)
	Register(e, h)
	return e
}

// Admin is the handler of the address that only operators reach.
func Admin(h *Handlers) http.Handler {
	e := newEcho(h)
	RegisterAdmin(e, h)
	return e
}

// newEcho is an Echo that tells nothing of itself.
func newEcho(h *Handlers) *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = h.Doors.remoteAddr
	e.HTTPErrorHandler = h.answerError
	e.Use(sealed, hurried, RequestIDs, recovered)
	return e
}

// leftoverTimeout is how long the rest of a body may take that nobody reads; a refusal is recorded within it.
const leftoverTimeout = recordTimeout + time.Second

// hurried is the middleware that hurries a sender whose request is decided before its body has come, as one to an
// unknown URL is. net/http reads some of what is left, so that the sender gets to read the answer: it would do so for
// as long as a good message may take, and whoever has no token could keep connections busy.
func hurried(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		err := next(c)
		if r, ok := errors.AsType[*refusal](err); ok && r.cause == causeInterrupted {
			return err // its time is over: no more is given
		}
		// Where there is no connection, as in a test, there is no hurry either.
		_ = http.NewResponseController(c.Response()).SetReadDeadline(time.Now().Add(leftoverTimeout))
		return err
	}
}

// recovered makes an error of a panic, so that the sender gets an answer and the process goes on.
func recovered(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			}
		}()
		return next(c)
	}
}

// answerError is where every request that has no other answer ends: a Fault under /outbound, elsewhere a status and its
// words.
func (h *Handlers) answerError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	if path := c.Request().URL.Path; path == outboundPath || strings.HasPrefix(path, outboundPath+"/") {
		err = h.fault(c, refusalOf(err))
	} else {
		err = h.plain(c, err)
	}
	if err != nil {
		h.Log.Debug("answer not sent", "request_id", requestID(c), "error", err)
	}
}

func (h *Handlers) plain(c echo.Context, err error) error {
	status := http.StatusInternalServerError
	if e, ok := errors.AsType[*echo.HTTPError](err); ok {
		status = e.Code
	} else {
		h.Log.Error("request failed", "request_id", requestID(c), "error", err)
	}
	return c.String(status, http.StatusText(status)+"\n")
}
