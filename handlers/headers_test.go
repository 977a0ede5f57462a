package handlers_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbox/handlers"
	"ackbox/store/storetest"
)

// Any of these may be opened in a browser, by whoever is lured into it.
func TestEveryAnswerIsSealed(t *testing.T) {
	t.Parallel()
	in := newInbox(t, storetest.New(t, storetest.SQLite).Store, nil)
	admin := httptest.NewServer(handlers.Admin(in.h))
	defer admin.Close()
	want := map[string]string{
		"Content-Security-Policy":      "default-src 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "no-referrer",
		"Cache-Control":                "no-store",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Strict-Transport-Security":    "", // the request came without TLS
		"Server":                       "",
		"X-Powered-By":                 "",
	}
	for _, request := range []struct{ method, url, body string }{
		{http.MethodPost, in.url(), envelope("04l1")},
		{http.MethodPost, in.url(), "no XML"},
		{http.MethodPut, in.url(), ""},
		{http.MethodOptions, in.url(), ""},
		{http.MethodPost, in.URL + "/outbound/unknown", ""},
		{http.MethodGet, in.URL + "/healthz", ""},
		{http.MethodGet, in.URL + "/readyz", ""},
		{http.MethodGet, in.URL + "/metrics", ""},
		{http.MethodGet, in.URL + "/", ""},
		{http.MethodTrace, in.URL + "/healthz", ""},
		{http.MethodGet, admin.URL + "/metrics", ""},
		{http.MethodGet, admin.URL + "/elsewhere", ""},
	} {
		a := in.do(t, request.method, request.url, strings.NewReader(request.body))
		got := map[string]string{}
		for name := range want {
			got[name] = strings.Join(a.header.Values(name), ", ")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", request.method, request.url, diff)
		}
	}
}

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

func TestOverTLSBrowsersAreToldToStayThere(t *testing.T) {
	t.Parallel()
	in := newInbox(t, storetest.New(t, storetest.SQLite).Store, nil)
	secured := httptest.NewTLSServer(handlers.Public(in.h))
	defer secured.Close()
	response, err := secured.Client().Get(secured.URL + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if got := response.Header.Get("Strict-Transport-Security"); got != "max-age=31536000" {
		t.Errorf("got %q", got)
	}
}

// After a request whose end a proxy may see elsewhere nothing more is read; a good connection is kept.
func TestConnectionsEndAfterARequestThatMayHideAnother(t *testing.T) {
	t.Parallel()
	in := newInbox(t, storetest.New(t, storetest.SQLite).Store, nil)
	const get = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
	for _, test := range []struct {
		name, request string
		want          int // answers
	}{
		{"plain", "POST /outbound/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx", 2},
		{"chunked", "POST /outbound/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 1},
		{"chunked with a length", "POST /outbound/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n" +
			"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 1},
		{"chunked in HTTP/1.0", "POST /outbound/x HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n" +
			"Transfer-Encoding: chunked\r\n\r\n", 1},
	} {
		got := in.answers(t, test.request+get)
		if len(got) != test.want {
			t.Errorf("%s: got %d answers, want %d", test.name, len(got), test.want)
		}
	}
}

// answers sends bytes as they are, and gives the statuses of all answers.
func (in *inbox) answers(t *testing.T, request string) []int {
	t.Helper()
	conn, err := net.Dial("tcp", in.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	var statuses []int
	for reader := bufio.NewReader(conn); ; {
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			return statuses
		}
		_, err = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close() // it was read
		if err != nil {
			t.Fatal(err)
		}
		statuses = append(statuses, response.StatusCode)
	}
}
