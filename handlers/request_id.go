package handlers

import (
	"crypto/rand"

	"github.com/labstack/echo/v4"
)

// maxRequestID bounds what a proxy may call a request.
const maxRequestID = 64

// RequestIDs is the middleware that gives each request an id: the one that a proxy such as Heroku's router has given
// it, if that can be logged as it is, or a new one. The answer carries it, too.
func RequestIDs(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := c.Request().Header.Get(echo.HeaderXRequestID)
		if !isRequestID(id) {
			id = rand.Text()
		}
		c.Response().Header().Set(echo.HeaderXRequestID, id)
		return next(c)
	}
}

// requestID is the id of the request that is being answered.
func requestID(c echo.Context) string { return c.Response().Header().Get(echo.HeaderXRequestID) }

func isRequestID(id string) bool {
	for _, r := range id {
		if r != '-' && r != '_' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z') {
			return false
		}
	}
	return 0 < len(id) && len(id) <= maxRequestID
}
