package handlers

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// listenerPage is for the admin who opens the URL in a browser. It is the same for every URL: it does not tell whether
// a token is known.
//
//go:embed listener.html
var listenerPage string

var (
	listenerBytes  = []byte(listenerPage)
	listenerPolicy = []string{nothing + "; style-src " + styleOf(listenerPage)}
)

// styleOf is what allows a page the one style that it has, and no other.
func styleOf(page string) string {
	_, style, _ := strings.Cut(page, "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	digest := sha256.Sum256([]byte(style))
	return "'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) + "'"
}

func (h *Handlers) page(c echo.Context) error {
	c.Response().Header()[echo.HeaderContentSecurityPolicy] = listenerPolicy
	return c.Blob(http.StatusOK, echo.MIMETextHTMLCharsetUTF8, listenerBytes)
}

// notAllowed refuses OPTIONS, which Echo would answer with 204: under /outbound all that is not 200 is a Fault.
func notAllowed(c echo.Context) error {
	c.Response().Header().Set(echo.HeaderAllow, "OPTIONS, GET, HEAD, POST") // as Echo's for the other methods
	return echo.ErrMethodNotAllowed
}
