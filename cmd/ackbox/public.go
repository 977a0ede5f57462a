package main

import (
	"fmt"
	"strconv"
	"strings"
)

// publicFlags say where the world finds this inbox.
type publicFlags struct {
	Port      int    `env:"PORT" default:"8080" help:"Listen on this port."`
	PublicURL string `env:"PUBLIC_URL,ACKBOX_PUBLIC_URL" placeholder:"URL" help:"What printed URLs begin with; http://localhost:PORT, https with a certificate, or the app's domain on Heroku."`
	Heroku    string `name:"heroku-domain" hidden:"" env:"HEROKU_APP_DEFAULT_DOMAIN_NAME"`
	TLSCert   string `name:"public-tls-cert" hidden:"" env:"TLS_CERT,ACKBOX_TLS_CERT"` // serve speaks TLS then
}

// url is the URL to paste into Setup.
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

// path is the part of the URL that does not depend on where the inbox is.
func path(token string) string { return "/outbound/" + token }

// byteSize is a number of bytes, written as in 32MiB.
type byteSize int64

var byteUnits = []struct {
	suffix string
	bytes  int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"B", 1}, {"", 1}}

// UnmarshalText reads a number with KiB, MiB, GiB or B behind it, or nothing.
func (b *byteSize) UnmarshalText(text []byte) error {
	for _, unit := range byteUnits {
		digits, ok := strings.CutSuffix(string(text), unit.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n <= 0 || n > (1<<40)/unit.bytes {
			break
		}
		*b = byteSize(n * unit.bytes)
		return nil
	}
	return fmt.Errorf("%q is no size such as 32MiB", text)
}
