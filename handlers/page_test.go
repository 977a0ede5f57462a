package handlers_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"ackbox/store/storetest"
)

func TestThePageHasItsOwnStyleAndNothingElse(t *testing.T) {
	t.Parallel()
	in := newInbox(t, storetest.New(t, storetest.SQLite).Store, nil)
	page := in.do(t, http.MethodGet, in.url(), nil)
	_, style, _ := strings.Cut(page.body, "<style>")
	style, _, found := strings.Cut(style, "</style>")
	if !found || style == "" || strings.Contains(page.body, "style=") {
		t.Fatal("got no single style")
	}
	digest := sha256.Sum256([]byte(style))
	want := "default-src 'none'; frame-ancestors 'none'; style-src 'sha256-" +
		base64.StdEncoding.EncodeToString(digest[:]) + "'"
	if got := page.header.Get("Content-Security-Policy"); got != want {
		t.Errorf("got the policy %q, want %q", got, want)
	}
}
