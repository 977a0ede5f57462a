package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"ackbox/handlers"
)

// publicFlags say where the world finds this inbox.
type publicFlags struct {
	Port      int    `env:"PORT" default:"8080" help:"Listen on this port."`
	PublicURL string `env:"PUBLIC_URL,ACKBOX_PUBLIC_URL" placeholder:"URL" help:"Start printed URLs with this; by default http://localhost:PORT, https with a certificate, or the app's domain on Heroku."`
	Heroku    string `name:"heroku-domain" hidden:"" env:"HEROKU_APP_DEFAULT_DOMAIN_NAME"`
	TLSCert   string `name:"public-tls-cert" hidden:"" env:"TLS_CERT,ACKBOX_TLS_CERT"` // serve speaks TLS then
}

// url returns the URL to paste into Setup.
func (f *publicFlags) url(token string) string {
	base := f.PublicURL
	switch {
	case base != "":
	case f.Heroku != "":
		base = "https://" + f.Heroku
	case f.TLSCert != "":
		base = "https://localhost:" + strconv.Itoa(f.Port)
	default:
		base = "http://localhost:" + strconv.Itoa(f.Port)
	}
	return strings.TrimSuffix(base, "/") + path(token)
}

// isGuess reports whether the URL begins with localhost because nothing else is known.
func (f *publicFlags) isGuess() bool { return f.PublicURL == "" && f.Heroku == "" }

// path returns the part of the URL that does not depend on where the inbox is.
func path(token string) string { return handlers.OutboundPath + "/" + token }

// byteSize is a number of bytes, written as in 32MiB.
type byteSize int64

// maxByteSize is far above what any setting can mean.
const maxByteSize = 1 << 40

// UnmarshalText reads a number of bytes with a unit such as KiB, MiB or MB, or without one.
func (b *byteSize) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err != nil || n == 0 || n > maxByteSize {
		return fmt.Errorf("%q is not a size such as 32MiB", text)
	}
	*b = byteSize(n)
	return nil
}
