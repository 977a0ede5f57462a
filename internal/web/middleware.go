package web

import (
	"crypto/rand"
	"fmt"
	"runtime/debug"

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
