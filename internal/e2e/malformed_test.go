package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"ackbox/soap"
)

func TestMalformedHeadersAreRefused(t *testing.T) {
	t.Parallel()
	s := startRaw(t, "ACKBOX_LOG_LEVEL=debug")
	body := string(unchanged())
	header := func(name, lines, want string) rawRequest {
		length := fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body))
		return rawRequest{name, s.head() + lines + length + body, want}
	}
	s.checkRaw(t, []rawRequest{
		header("nothing wrong", "", "200"),
		header("large", "X: "+strings.Repeat("a", 80<<10)+"\r\n", "431"),
		header("many", strings.Repeat("X: a\r\n", 20_000), "431"),
		header("many names", names(10_000), "431"),
		header("a large name", strings.Repeat("a", 80<<10)+": x\r\n", "431"),
		header("a line without an end", strings.Repeat("a", 1<<20), "431"),
		header("NUL in a value", "X: a\x00b\r\n", "400"),
		header("NUL in a name", "X\x00: a\r\n", "400"),
		header("bare CR in a value", "X: a\rb\r\n", "400"),
		header("bare CR in a name", "X\rY: a\r\n", "400"),
		header("bare CR at the end", "X: a\r\r\n", "400"),
		header("control character", "X: a\x01b\r\n", "400"),
		header("DEL", "X: a\x7fb\r\n", "400"),
		header("space in a name", "X Y: a\r\n", "400"),
		header("no colon", "X\r\n", "400"),
		header("no name", ": a\r\n", "400"),
		header("no ASCII in a name", "Xé: a\r\n", "400"),
		header("folded", "X: a\r\n b\r\n\tc\r\n", "200"),
		header("bare LF ends a line", "X: a\n", "200"), // RFC 9112, section 2.2, allows it
		header("two hosts", "Host: example.test\r\n", "400"),
		{"no end", s.head() + "X: a\r\n", "400"},
		{"no end of a line", s.head() + "X: a", "400"},
		{"folded before the first", "POST " + s.paths["crm"] + " HTTP/1.1\r\n X: a\r\nHost: localhost\r\n\r\n", "400"},
		{"no host", "POST " + s.paths["crm"] + " HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "400"},
		{"invalid host", "POST " + s.paths["crm"] + " HTTP/1.1\r\nHost: a b/<x>\r\n\r\n", "400"},
	})
	s.requireWorking(t)
}

// names returns n header lines, each with a name of its own.
func names(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "X-%d: a\r\n", i)
	}
	return b.String()
}

// requireWorking checks that the server still acks a good message, and that its log holds no
// secret.
func (s *server) requireWorking(t *testing.T) {
	t.Helper()
	requireAck(t, post(t, s.url("crm"), unchanged()))
	s.requireNoSecrets(s.setting("DATABASE_URL"), strings.TrimPrefix(s.paths["crm"], "/outbound/"))
}

func TestAbsurdRequestLinesAreRefused(t *testing.T) {
	t.Parallel()
	s := startRaw(t, "ACKBOX_LOG_LEVEL=debug")
	s.checkRaw(t, absurdLines(s.paths["crm"]))
	s.requireWorking(t)
}

// absurdLines returns requests with request lines that no client sends.
func absurdLines(path string) []rawRequest {
	rest := "\r\nHost: localhost\r\n\r\n"
	return []rawRequest{
		{"nothing", "", ""},
		{"empty lines", "\r\n\r\n\r\n", "400"},
		{"a word", "POST\r\n\r\n", "400"},
		{"two words", "POST " + path + rest, "400"},
		{"four words", "POST " + path + " x HTTP/1.1" + rest, "400"},
		{"two spaces", "POST  " + path + " HTTP/1.1" + rest, "400"},
		{"tabs", "POST\t" + path + "\tHTTP/1.1" + rest, "400"},
		{"a space before", " POST " + path + " HTTP/1.1" + rest, "400"},
		{"HTTP/0.9", "GET " + path + "\r\n", "400"},
		{"HTTP/1.2", "GET " + path + " HTTP/1.2" + rest, "200"}, // RFC 9110, section 2.5: read as HTTP/1.1
		{"HTTP/2.0", "GET " + path + " HTTP/2.0" + rest, "505"},
		{"HTTP/9.9", "GET " + path + " HTTP/9.9" + rest, "505"},
		{"HTTP/1.1.1", "GET " + path + " HTTP/1.1.1" + rest, "400"},
		{"http/1.1", "GET " + path + " http/1.1" + rest, "400"},
		{"HTTP/+1.1", "GET " + path + " HTTP/+1.1" + rest, "400"},
		{"a method in small letters", "post " + path + " HTTP/1.1" + rest, "405"},
		{"a method with a NUL", "PO\x00ST " + path + " HTTP/1.1" + rest, "400"},
		{"a method with a colon", "POST: " + path + " HTTP/1.1" + rest, "400"},
		{"a long method", strings.Repeat("A", 80<<10) + " " + path + " HTTP/1.1" + rest, "431"},
		{"a long path", "POST " + path + strings.Repeat("a", 80<<10) + " HTTP/1.1" + rest, "431"},
		{"a path as long as fits", "POST /outbound/" + strings.Repeat("a", 60<<10) + " HTTP/1.1" + rest, "404"},
		{"a NUL in the path", "POST " + path + "\x00 HTTP/1.1" + rest, "400"},
		{"an escaped NUL", "POST " + path + "%00 HTTP/1.1" + rest, "404"},
		{"an invalid escape", "POST " + path + "%zz HTTP/1.1" + rest, "400"},
		{"escaped line ends", "POST " + path + "%0d%0aX:%20y HTTP/1.1" + rest, "404"},
		{"dots", "POST /healthz/.." + path + " HTTP/1.1" + rest, "404"},
		{"escaped dots", "POST /outbound/%2e%2e" + path + " HTTP/1.1" + rest, "404"},
		{"two slashes", "POST /" + path + " HTTP/1.1" + rest, "404"},
		{"a backslash", "POST " + strings.ReplaceAll(path, "/", `\`) + " HTTP/1.1" + rest, "400"},
		{"a path without a slash", "POST " + path[1:] + " HTTP/1.1" + rest, "400"},
		{"no path", "POST ? HTTP/1.1" + rest, "400"},
		{"an invalid host", "POST http://[::1" + path + " HTTP/1.1" + rest, "400"},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "400"},
		{"SSH", "SSH-2.0-OpenSSH_9.9\r\n\r\n", "400"},
		{"a PROXY line", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + "GET /healthz HTTP/1.1" + rest, "400"},
	}
}

func TestEveryMethodAndTargetGetsAPlainAnswer(t *testing.T) {
	t.Parallel()
	s := startRaw(t, "ACKBOX_LOG_LEVEL=debug")
	path, body := s.paths["crm"], string(unchanged())
	rest := " HTTP/1.1\r\nHost: localhost\r\nX-Marked: " + fieldMarker + "\r\n"
	length := fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
	for _, test := range []struct {
		line   string
		status int
		isSOAP bool
	}{
		{"OPTIONS *", 404, false},
		{"TRACE *", 404, false},
		{"OPTIONS " + path, 405, true},
		{"TRACE " + path, 405, true},
		{"TRACK " + path, 405, true},
		{"CONNECT " + path, 405, true},
		{"PATCH " + path, 405, true},
		{"BREW " + path, 405, true},
		{"TRACE /", 405, false},
		{"TRACE /healthz", 405, false},
		{"OPTIONS /healthz", 204, false},
		{"POST /healthz", 405, false},
		{"CONNECT localhost:443", 404, false},
		{"CONNECT *", 404, false},
		{"POST /outbound", 404, true},
		{"POST /outbound/", 404, true},
		{"POST http://example.test" + path, 200, true}, // RFC 9112, section 3.2.2: any host is accepted
		{"POST https://user:pass@example.test:1" + path, 200, true},
		{"POST ftp://example.test" + path, 200, true},
		{"GET http://example.test/elsewhere", 404, false},
		{"GET example.test:80", 404, false},
		{"POST mailto:" + path, 200, true},
	} {
		got := s.raw(t, test.line+rest+length)
		if len(got) != 1 || got[0].status != test.status {
			t.Errorf("%s: got %+v, want %d", test.line, got, test.status)
			continue
		}
		switch {
		case test.status == http.StatusOK:
			requireAck(t, got[0])
		case test.isSOAP:
			checkFault(t, got[0], test.status, soap.FaultClient)
		case strings.Contains(got[0].contentType, "xml") || len(got[0].body) > 40:
			t.Errorf("%s: got %+v, want a short plain text", test.line, got[0])
		}
	}
	s.requireWorking(t)
}

// Later versions of the protocol have their own ways to hide a request, and Salesforce needs none
// of them.
func TestOnlyHTTP1IsSpoken(t *testing.T) {
	t.Parallel()
	s := startRaw(t)
	body := string(unchanged())
	length := fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
	const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	settings := "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	s.checkRaw(t, []rawRequest{
		{"HTTP/2 preface", preface + settings, "404"},
		{"HTTP/2 preface and a message", preface + s.posted(body), "404"},
		{"Upgrade: h2c", s.head() + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n" +
			"HTTP2-Settings: AAMAAABk\r\n" + length, "200"},
		{"Upgrade: websocket", s.head() + "Connection: Upgrade\r\nUpgrade: websocket\r\n" + length,
			"200"},
		{"Upgrade: h2c, then HTTP/2", s.head() + "Connection: Upgrade\r\nUpgrade: h2c\r\n" + length +
			preface + settings, "200 404"},
	})
}
