package web

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"github.com/labstack/echo/v4"
)

// maxRequestID bounds the id that a proxy may give a request.
const maxRequestID = 64

// requestIDs is the middleware that gives each request an id: the one from a proxy such as Heroku's
// router, if it can be logged as it is, or a new one. The answer carries it as well.
func requestIDs(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := c.Request().Header.Get(echo.HeaderXRequestID)
		if !isRequestID(id) {
			id = rand.Text()
		}
		c.Response().Header().Set(echo.HeaderXRequestID, id)
		return next(c)
	}
}

func isRequestID(id string) bool {
	for _, r := range id {
		if r != '-' && r != '_' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z') {
			return false
		}
	}
	return 0 < len(id) && len(id) <= maxRequestID
}

// recoverPanics is the middleware that makes an error of a panic, so that the sender gets an answer
// and the process goes on.
func recoverPanics(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			}
		}()
		return next(c)
	}
}

// unreadTimeout is how long the rest of a body may take that nobody reads. A refusal is recorded
// within it.
const unreadTimeout = 3 * time.Second

// limitUnreadBody is the middleware that limits how long a sender may go on sending a body after
// its request was decided, as one to an unknown URL is. net/http reads some of what is left, so
// that the sender gets to read the answer: it would do so for as long as a good message may take,
// and whoever has no token could keep connections busy.
func limitUnreadBody(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		err := next(c)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return err // the body was too slow: it gets no more time
		}
		// Without a connection, as in a test, there is no deadline either.
		_ = http.NewResponseController(c.Response()).SetReadDeadline(time.Now().Add(unreadTimeout))
		return err
	}
}
