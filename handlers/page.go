package handlers

import (
	_ "embed"
	"net/http"

	"github.com/labstack/echo/v4"
)

// listenerPage is for the admin who opens the URL in a browser. It is the same for every URL: it does not tell whether
// a token is known.
//
//go:embed listener.html
var listenerPage []byte

func (h *Handlers) page(c echo.Context) error {
	header := c.Response().Header()
	header.Set(echo.HeaderContentSecurityPolicy, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	header.Set(echo.HeaderXContentTypeOptions, "nosniff")
	header.Set(echo.HeaderReferrerPolicy, "no-referrer") // the URL is a secret
	header.Set(echo.HeaderCacheControl, "no-store")
	return c.Blob(http.StatusOK, echo.MIMETextHTMLCharsetUTF8, listenerPage)
}
