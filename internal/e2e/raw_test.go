package e2e_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"ackbox/soap"
	"ackbox/store/storetest"
)

// rawRequest is bytes that no HTTP client sends, and the statuses of all answers to them, as in
// "200 400".
type rawRequest struct {
	name, bytes, want string
}

// raw sends bytes as they are, closes its side of the connection, and returns every answer that
// came until the server closed its side.
func (s *server) raw(t *testing.T, request string) []answer {
	t.Helper()
	conn := s.dial(t)
	// The server may answer and close the connection before all is written.
	_, _ = io.WriteString(conn, request)
	_ = conn.CloseWrite()
	got, _ := io.ReadAll(conn)
	return s.parse(t, got)
}

// parse returns the answers, and checks that none names the server software or holds a secret.
func (s *server) parse(t *testing.T, raw []byte) []answer {
	t.Helper()
	token := strings.TrimPrefix(s.paths["crm"], "/outbound/")
	secrets := []string{
		token, "SessionMarker", fieldMarker, "goroutine ", "net/http", "\nServer:", "\nX-Powered-By:",
	}
	for _, secret := range secrets {
		if bytes.Contains(raw, []byte(secret)) {
			t.Errorf("%q is in the answer %q", secret, raw)
		}
	}
	var answers []answer
	for reader := bufio.NewReader(bytes.NewReader(raw)); ; {
		if _, err := reader.Peek(1); err != nil {
			return answers
		}
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatalf("the answer is not HTTP: %v: %q", err, raw)
		}
		if response.ProtoMajor != 1 {
			t.Errorf("got an answer in %s", response.Proto)
		}
		answers = append(answers, read(response))
	}
}

// statuses returns the statuses of answers in the form of rawRequest.
func statuses(answers []answer) string {
	var all []string
	for _, a := range answers {
		all = append(all, fmt.Sprint(a.status))
	}
	return strings.Join(all, " ")
}

// checkRaw sends each request and checks the statuses of the answers, and that a 200 to a POST is
// the Ack.
func (s *server) checkRaw(t *testing.T, requests []rawRequest) {
	t.Helper()
	for _, r := range requests {
		got := s.raw(t, r.bytes)
		if statuses(got) != r.want {
			t.Errorf("%s: got %q, want %q: %+v", r.name, statuses(got), r.want, got)
		}
		for _, a := range got {
			if strings.HasPrefix(r.bytes, "POST") && (a.status == http.StatusOK) != (a.body == soap.Ack) {
				t.Errorf("%s: got %+v", r.name, a)
			}
		}
	}
}

// startRaw starts an inbox on SQLite with the source crm, for tests whose requests do not reach the
// database.
func startRaw(t *testing.T, env ...string) *server {
	t.Helper()
	return startWith(t, storetest.URL(t, storetest.SQLite), "crm", env...)
}

// head returns the request line of a POST of a message, its Host and its Content-Type.
func (s *server) head() string {
	return "POST " + s.paths["crm"] + " HTTP/1.1\r\nHost: localhost\r\n" +
		"Content-Type: text/xml; charset=UTF-8\r\n"
}

// posted returns a whole POST request with a body and its Content-Length.
func (s *server) posted(body string) string {
	return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", s.head(), len(body), body)
}

// chunks returns a body in one chunk and the last chunk, without the line that ends the trailers.
func chunks(body string) string { return fmt.Sprintf("%x\r\n%s\r\n0\r\n", len(body), body) }

// get11 returns a GET request with headers, each of which ends with CRLF.
func get11(path, headers string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n"
}
