package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"

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
	e.IPExtractor = echo.ExtractIPDirect()
	e.HTTPErrorHandler = h.answerError
	e.Use(sealed, RequestIDs, recovered)
	return e
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
