package web

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"runtime/debug"

	"github.com/labstack/echo/v4"
)

// maxRequestID bounds the id that a proxy may give a request.
const maxRequestID = 64

// exchange is what the middleware knows of a request. It is one allocation, and of one request
// only: net/http may use the answer's headers and the body after the request has been answered.
type exchange struct {
	id   [1]string // the value of the answer's X-Request-Id
	body trackedBody
}

// forEach is the middleware of every request. It is a single one: Echo makes a function for each
// middleware and each request.
func forEach(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r, header := c.Request(), c.Response().Header()
		setHeaders(r, header)
		x := new(exchange)
		x.id[0] = requestID(r)
		header[echo.HeaderXRequestID] = x.id[:]
		tracked := x.body.track(r)
		return dropUnread(c, tracked, recoverPanic(c, next))
	}
}

// requestID returns the id of a request: the one from a proxy such as Heroku's router, if it can be
// logged as it is, or a new one.
func requestID(r *http.Request) string {
	if id := r.Header.Get(echo.HeaderXRequestID); isRequestID(id) {
		return id
	}
	return rand.Text()
}

func isRequestID(id string) bool {
	for _, r := range id {
		if r != '-' && r != '_' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z') {
			return false
		}
	}
	return 0 < len(id) && len(id) <= maxRequestID
}

// recoverPanic calls a handler and makes an error of a panic, so that the sender gets an answer and
// the process goes on.
func recoverPanic(c echo.Context, handle echo.HandlerFunc) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return handle(c)
}
