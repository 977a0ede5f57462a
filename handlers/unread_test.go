package handlers_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"ackbox/handlers"
	"ackbox/store/storetest"
)

// A sender that writes its whole body before it reads, as Apache's old HttpClient does, gets to
// read why it was refused.
func TestASenderThatWritesAllFirstReadsItsFault(t *testing.T) {
	t.Parallel()
	in := newInbox(t, storetest.New(t, storetest.SQLite).Store, func(c *handlers.Config) { c.BodyLimit = 1 << 20 })
	const size = 24 << 20
	for _, test := range []struct {
		name, path, header string
		status             int
	}{
		{"too large", in.token, "", 413},
		{"another type", in.token, "Content-Type: application/soap+xml\r\n", 415},
		{"an unknown token", "unknown", "", 404},
	} {
		conn, err := net.Dial("tcp", in.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, err = fmt.Fprintf(conn, "POST /outbound/%s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s",
			test.path, test.header, size, strings.Repeat(" ", size))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		body, err := io.ReadAll(response.Body)
		a := answer{response.StatusCode, response.Header, string(body), response.Close}
		if a.fault(t); err != nil || a.status != test.status {
			t.Errorf("%s: got %d, %v, want %d", test.name, a.status, err, test.status)
		}
	}
}
