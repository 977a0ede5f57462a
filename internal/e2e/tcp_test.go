package e2e_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// dial connects to the server, for requests that no HTTP client makes.
func (s *server) dial(t *testing.T) *net.TCPConn {
	t.Helper()
	_, addr, _ := strings.Cut(s.base(), "://")
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(testTimeout)); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// write sends the head of a POST that announces a length, and as much of the body as is given.
func (s *server) write(t *testing.T, conn net.Conn, id string, length int, body []byte) {
	t.Helper()
	head := fmt.Sprintf("%sX-Request-Id: %s\r\nContent-Length: %d\r\n\r\n", s.head(), id, length)
	if _, err := conn.Write(append([]byte(head), body...)); err != nil {
		t.Fatal(err)
	}
}

func readAnswer(t *testing.T, conn net.Conn) answer {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return read(response)
}

// interrupted sends half of a body and closes its side of the connection.
func (s *server) interrupted(t *testing.T, id string) answer {
	t.Helper()
	conn, body := s.dial(t), unchanged()
	s.write(t, conn, id, len(body), body[:len(body)/2])
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	return readAnswer(t, conn)
}

// announced sends a head that announces a body of a length and a smaller body, and waits for the
// answer.
func (s *server) announced(t *testing.T, id string, length int) answer {
	t.Helper()
	conn := s.dial(t)
	s.write(t, conn, id, length, unchanged())
	return readAnswer(t, conn)
}

// clientHello returns the first record of a TLS handshake of a client that speaks the versions up
// to one.
func clientHello(version uint16) string {
	ours, theirs := net.Pipe()
	config := &tls.Config{ServerName: "localhost", MinVersion: tls.VersionTLS10, MaxVersion: version}
	go func() { _ = tls.Client(ours, config).Handshake() }() // it fails when the pipe is closed
	var hello strings.Builder
	head := make([]byte, 5) // of a record: type, version, length, see RFC 8446, section 5.1
	_, _ = io.ReadFull(theirs, head)
	hello.Write(head)
	_, _ = io.CopyN(&hello, theirs, int64(head[3])<<8|int64(head[4]))
	theirs.Close()
	return hello.String()
}
