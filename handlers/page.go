package handlers

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// listenerHTML is for the admin who opens the URL in a browser. It is the same for every URL: it
// does not tell whether a token is known.
//
//go:embed listener.html
var listenerHTML string

var (
	listenerBytes  = []byte(listenerHTML)
	listenerPolicy = []string{"default-src 'none'; frame-ancestors 'none'; style-src " + styleHash(listenerHTML)}
)

// styleHash returns the source expression that allows a page the one style that it has, and no
// other.
func styleHash(page string) string {
	_, style, _ := strings.Cut(page, "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	digest := sha256.Sum256([]byte(style))
	return "'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) + "'"
}

func listenerPage(c echo.Context) error {
	c.Response().Header()[echo.HeaderContentSecurityPolicy] = listenerPolicy
	return c.Blob(http.StatusOK, echo.MIMETextHTMLCharsetUTF8, listenerBytes)
}

// rootText is for whoever opens the host without a path, or checks that something answers there.
const rootText = "This is ackbox, an inbox for Salesforce outbound messages; " +
	"/readyz says whether it can take some, and the URL to post to is what \"ackbox source add\" printed.\n"

// RegisterRoot adds the line that answers GET /.
func RegisterRoot(group *echo.Group) {
	root := func(c echo.Context) error { return c.String(http.StatusOK, rootText) }
	group.GET("/", root)
	group.HEAD("/", root)
}
