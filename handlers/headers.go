package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// nothing is the policy of an answer in which a browser may load and run nothing, and which no page may frame.
const nothing = "default-src 'none'; frame-ancestors 'none'"

// seals are headers of every answer, for the browser that somebody opens the URL with: it runs nothing, guesses
// nothing, keeps nothing and tells nobody of the URL, which is a secret. All answers share the values.
var seals = []struct {
	name  string
	value []string
}{
	{echo.HeaderContentSecurityPolicy, []string{nothing}},
	{echo.HeaderXContentTypeOptions, []string{"nosniff"}},
	{echo.HeaderReferrerPolicy, []string{"no-referrer"}},
	{echo.HeaderCacheControl, []string{"no-store"}},
	{"Cross-Origin-Resource-Policy", []string{"same-origin"}},
}

var (
	aYear  = []string{"max-age=31536000"}
	closes = []string{"close"}
)

// sealed is the middleware that sets the headers that every answer has.
func sealed(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r, header := c.Request(), c.Response().Header()
		for _, s := range seals {
			header[s.name] = s.value
		}
		if r.TLS != nil { // a promise that we keep; a proxy that ends TLS makes its own
			header[echo.HeaderStrictTransportSecurity] = aYear
		}
		if unclearlyFramed(r) {
			header[echo.HeaderConnection] = closes
		}
		return next(c)
	}
}

// unclearlyFramed tells whether a proxy may see the end of the request elsewhere than we do, so that what comes next on
// its connection may be somebody's attempt at a request of another's. RFC 9112, section 6.1, has the connection closed
// after a request with both a Transfer-Encoding and a Content-Length, and after one of HTTP/1.0 with the former;
// net/http removes one of the two before we see it.
func unclearlyFramed(r *http.Request) bool { return r.ContentLength < 0 || !r.ProtoAtLeast(1, 1) }
