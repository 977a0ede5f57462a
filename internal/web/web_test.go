package web_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"

	"ackbox/internal/web"
)

// newServer returns a Server with a surface at /inbox that answers errors with "inbox: STATUS", and
// its log.
func newServer(tb testing.TB) (*web.Server, *bytes.Buffer) {
	tb.Helper()
	log := new(bytes.Buffer)
	s := web.New(slog.New(slog.NewTextHandler(log, nil)), func(r *http.Request) string { return r.RemoteAddr })
	inbox := s.Surface("/inbox", func(err error, c echo.Context) {
		status := http.StatusInternalServerError
		if e, ok := errors.AsType[*echo.HTTPError](err); ok {
			status = e.Code
		}
		if err := c.String(status, "inbox: "+http.StatusText(status)); err != nil {
			tb.Error(err)
		}
	})
	inbox.POST("/:token", func(c echo.Context) error {
		_, err := io.Copy(io.Discard, c.Request().Body)
		return errors.Join(err, c.String(http.StatusOK, "accepted"))
	})
	s.GET("/alive", func(c echo.Context) error { return c.String(http.StatusOK, "alive") })
	s.GET("/panics", func(echo.Context) error { panic("a mistake of ours") })
	s.POST("/unread", func(c echo.Context) error { return c.String(http.StatusOK, "decided") })
	return s, log
}

func answer(s http.Handler, method, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w
}

func TestASurfaceAnswersAllErrorsBelowItsPath(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t)
	for _, test := range []struct {
		method, target string
		status         int
		body           string
	}{
		{"POST", "/inbox/x", 200, "accepted"},
		{"PUT", "/inbox/x", 405, "inbox: Method Not Allowed"},
		{"BREW", "/inbox/x", 405, "inbox: Method Not Allowed"},
		{"POST", "/inbox/", 404, "inbox: Not Found"},
		{"POST", "/inbox", 404, "inbox: Not Found"},
		{"POST", "/inboxes", 404, "Not Found\n"},
		{"GET", "/elsewhere", 404, "Not Found\n"},
		{"POST", "/alive", 405, "Method Not Allowed\n"},
	} {
		got := answer(s, test.method, test.target)
		if got.Code != test.status || got.Body.String() != test.body {
			t.Errorf("%s %s: got %d %q, want %d %q", test.method, test.target, got.Code, got.Body, test.status, test.body)
		}
	}
}

func TestAPanicIsAnsweredAndLogged(t *testing.T) {
	t.Parallel()
	s, log := newServer(t)
	for range 2 {
		got := answer(s, "GET", "/panics")
		if got.Code != 500 || got.Body.String() != "Internal Server Error\n" {
			t.Errorf("got %d %q", got.Code, got.Body)
		}
	}
	if n := strings.Count(log.String(), "a mistake of ours"); n != 2 {
		t.Errorf("the log has the panic %d times, want 2", n)
	}
}

// Any of these may be opened in a browser, by whoever is lured into it.
func TestEveryAnswerHasTheSecurityHeaders(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t)
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
	for _, request := range []struct{ method, target string }{
		{"POST", "/inbox/x"}, {"PUT", "/inbox/x"}, {"POST", "/inbox"}, {"GET", "/alive"}, {"TRACE", "/alive"},
		{"GET", "/"}, {"GET", "/panics"},
	} {
		header, got := answer(s, request.method, request.target).Header(), map[string]string{}
		for name := range want {
			got[name] = strings.Join(header.Values(name), ", ")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", request.method, request.target, diff)
		}
	}
}

func TestOverTLSBrowsersAreToldToStayThere(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t)
	server := httptest.NewTLSServer(s)
	defer server.Close()
	response, err := server.Client().Get(server.URL + "/alive")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if got := response.Header.Get("Strict-Transport-Security"); got != "max-age=31536000" {
		t.Errorf("got %q", got)
	}
}

func TestEveryRequestHasAnID(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t)
	idFor := func(given string) string {
		r := httptest.NewRequest(http.MethodGet, "/alive", nil)
		r.Header.Set("X-Request-Id", given)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Header().Get("X-Request-Id")
	}
	if given := "4f2a-from-a-router"; idFor(given) != given {
		t.Errorf("got %q, want the id that was given", idFor(given))
	}
	for _, odd := range []string{"", "a b", strings.Repeat("x", 65), `"`} {
		if got := idFor(odd); got == odd || got == "" {
			t.Errorf("got %q for %q, want a new id", got, odd)
		}
	}
}

// After a request whose end a proxy may see elsewhere nothing more is read; a good connection is
// kept.
func TestConnectionsEndAfterARequestThatMayHideAnother(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t)
	server := httptest.NewServer(s)
	defer server.Close()
	const get = "GET /alive HTTP/1.1\r\nHost: localhost\r\n\r\n"
	for _, test := range []struct {
		name, request string
		want          int // answers
	}{
		{"plain", "POST /inbox/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx", 2},
		{"chunked", "POST /inbox/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 1},
		{"chunked with a length", "POST /inbox/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n" +
			"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 1},
		{"chunked in HTTP/1.0", "POST /inbox/x HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n" +
			"Transfer-Encoding: chunked\r\n\r\n", 1},
	} {
		conn := dial(t, server)
		if _, err := io.WriteString(conn, test.request+get); err != nil {
			t.Fatal(err)
		}
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got := readAnswers(t, conn); got != test.want {
			t.Errorf("%s: got %d answers, want %d", test.name, got, test.want)
		}
	}
}

// The rest of a body that nobody reads gets 5 s, not the time of a whole request.
func TestABodyThatNobodyReadsEndsTheConnection(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t)
	server := httptest.NewUnstartedServer(s)
	server.Config.ReadTimeout = time.Hour
	server.Start()
	defer server.Close()
	conn := dial(t, server)
	const request = "POST /unread HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx"
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	if got := readAnswers(t, conn); got != 1 { // returns when the server closes the connection
		t.Errorf("got %d answers, want 1", got)
	}
}

// A sender that writes all of its body before it reads gets to read why it was refused, and one
// that waits for an answer does not wait for the time that the rest of the body has.
func TestARefusalIsReadByWhoeverWritesAllFirst(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t)
	server := httptest.NewServer(s)
	defer server.Close()
	const size = 24 << 20 // more than the buffers on the way take
	chunk := "10000\r\n" + strings.Repeat("x", 0x10000) + "\r\n"
	for name, request := range map[string]struct{ header, body string }{
		"a length": {fmt.Sprintf("Content-Length: %d", size), strings.Repeat("x", size)},
		"chunks":   {"Transfer-Encoding: chunked", strings.Repeat(chunk, size/0x10000) + "0\r\n\r\n"},
	} {
		for _, line := range []string{"POST /elsewhere", "PUT /inbox/x", "POST /inbox"} {
			head := line + " HTTP/1.1\r\nHost: localhost\r\n" + request.header + "\r\n\r\n"
			conn := dial(t, server)
			if _, err := io.WriteString(conn, head+request.body); err != nil {
				t.Errorf("%s with %s: %v", line, name, err)
				continue
			}
			if got := readAnswers(t, conn); got != 1 {
				t.Errorf("%s with %s: got %d answers, want 1", line, name, got)
			}
			conn = dial(t, server)
			if _, err := io.WriteString(conn, head); err != nil {
				t.Fatal(err)
			}
			started := time.Now()
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Errorf("%s with %s: nothing is answered before the body: %v", line, name, err)
				continue
			}
			if took := time.Since(started); took > 4*time.Second || !response.Close {
				t.Errorf("%s with %s: answered after %s, close %t", line, name, took, response.Close)
			}
		}
	}
}

func dial(t *testing.T, server *httptest.Server) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// readAnswers returns how many answers come until the connection ends.
func readAnswers(t *testing.T, conn net.Conn) (n int) {
	t.Helper()
	for reader := bufio.NewReader(conn); ; n++ {
		response, err := http.ReadResponse(reader, nil)
		if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
			t.Fatal("the connection stays open")
		}
		if err != nil {
			return n
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
