package web

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// DenyAll is the content security policy of an answer in which a browser may load and run nothing,
// and which no page may frame. Every answer has it unless its surface sets another.
const DenyAll = "default-src 'none'; frame-ancestors 'none'"

// defaultHeaders are those of every answer, for the browser that somebody opens a URL with: it runs
// nothing, guesses no types, keeps nothing and tells no other site of the URL, which may be a
// secret. All answers share the values.
var defaultHeaders = []struct {
	name  string
	value []string
}{
	{echo.HeaderContentSecurityPolicy, []string{DenyAll}},
	{echo.HeaderXContentTypeOptions, []string{"nosniff"}},
	{echo.HeaderReferrerPolicy, []string{"no-referrer"}},
	{echo.HeaderCacheControl, []string{"no-store"}},
	{"Cross-Origin-Resource-Policy", []string{"same-origin"}},
}

var (
	httpsForAYear   = []string{"max-age=31536000"}
	closeConnection = []string{"close"}
)

// setHeaders sets the headers that every answer has.
func setHeaders(r *http.Request, header http.Header) {
	for _, h := range defaultHeaders {
		header[h.name] = h.value
	}
	if r.TLS != nil { // we can promise it; a proxy that ends TLS makes its own promise
		header[echo.HeaderStrictTransportSecurity] = httpsForAYear
	}
	if ambiguousLength(r) {
		header[echo.HeaderConnection] = closeConnection
	}
}

// ambiguousLength reports whether a proxy may see the end of the request elsewhere than we do, so
// that what comes next on its connection may be an attempt to smuggle a request into another's. RFC
// 9112, section 6.1, has the connection closed after a request with both a Transfer-Encoding and a
// Content-Length, and after one of HTTP/1.0 with the former; net/http removes one of the two before
// we see it.
func ambiguousLength(r *http.Request) bool { return r.ContentLength < 0 || !r.ProtoAtLeast(1, 1) }
