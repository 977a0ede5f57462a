package e2e_test

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// drip writes a text over and over, a byte at a time with pauses, until the server has ended the connection, and gives
// what it answered. The time limits of the server are far below those of the connection.
func drip(t *testing.T, conn net.Conn, text string) string {
	t.Helper()
	ended := make(chan string, 1)
	go func() {
		got, err := io.ReadAll(conn)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: a slow sender is not cut off", t.Name())
		}
		ended <- string(got)
	}()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for i := 0; ; i++ {
		select {
		case got := <-ended:
			return got
		case <-ticker.C:
			_, _ = io.WriteString(conn, text[i%len(text):][:1]) // that it ended is for the reader to say
		}
	}
}

// slowly has some be slow at once, and makes sure that good messages are acked all that time.
func (s *server) slowly(t *testing.T, senders int, send func(conn net.Conn) string) []string {
	t.Helper()
	var wait sync.WaitGroup
	answers := make([]string, senders)
	for i := range answers {
		conn := s.dial(t)
		wait.Go(func() { answers[i] = send(conn) })
	}
	done := make(chan struct{})
	go func() {
		wait.Wait()
		close(done)
	}()
	for acks := 0; ; acks++ {
		select {
		case <-done:
			t.Logf("%d good messages were acked meanwhile", acks)
			return answers
		default:
			requireAck(t, post(t, s.url("crm"), unchanged()))
		}
	}
}

func TestASlowHeaderIsCutOff(t *testing.T) {
	t.Parallel()
	s := startRaw(t, "ACKBOX_HEADER_TIMEOUT=1s")
	answers := s.slowly(t, 50, func(conn net.Conn) string {
		return drip(t, conn, s.head()+strings.Repeat("X: a\r\n", 10_000))
	})
	for _, got := range answers {
		if !strings.HasPrefix(got, "HTTP/1.1 400 ") {
			t.Errorf("got %q, want 400", got)
		}
	}
}

func TestASlowBodyIsCutOff(t *testing.T) {
	t.Parallel()
	s := startRaw(t, "ACKBOX_READ_TIMEOUT=1s")
	for name, header := range map[string]string{
		"length": "Content-Length: 100000\r\n\r\n", "chunked": "Transfer-Encoding: chunked\r\n\r\n",
	} {
		answers := s.slowly(t, 50, func(conn net.Conn) string {
			_, _ = io.WriteString(conn, s.head()+header) // that it ended is for the reader to say
			return drip(t, conn, "1\r\n<\r\n")
		})
		for _, raw := range answers {
			got := s.parse(t, []byte(raw))
			if statuses(got) != "400" {
				t.Errorf("%s: got %+v, want a Fault with 400", name, got)
			}
		}
	}
}

// Whoever has no token, or posts nowhere, does not get the time that a message has.
func TestABodyThatNobodyReadsIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	s := startRaw(t, "ACKBOX_READ_TIMEOUT=10m")
	var wait sync.WaitGroup
	for line, want := range map[string]string{
		"POST /outbound/unknown": "404", "PUT " + s.paths["crm"]: "405", "GET " + s.paths["crm"]: "200",
		"GET /healthz": "200", "POST /elsewhere": "404", "OPTIONS *": "404",
	} {
		for _, framing := range []string{"Content-Length: 1000", "Transfer-Encoding: chunked"} {
			conn := s.dial(t)
			_, err := io.WriteString(conn, line+" HTTP/1.1\r\nHost: localhost\r\n"+framing+"\r\n\r\n")
			if err != nil {
				t.Fatal(err)
			}
			wait.Go(func() {
				if got := s.parse(t, []byte(drip(t, conn, "1\r\n<\r\n"))); statuses(got) != want {
					t.Errorf("%s with %s: got %+v, want %s", line, framing, got, want)
				}
			})
		}
	}
	wait.Wait()
}

// Who sends and never reads fills what there is room for on the way; then the server waits for it, and not for long.
func TestASlowReaderIsCutOff(t *testing.T) {
	t.Parallel()
	s := startRaw(t, "ACKBOX_WRITE_TIMEOUT=2s")
	request := []byte(strings.Repeat("GET "+s.paths["crm"]+" HTTP/1.1\r\nHost: localhost\r\n\r\n", 100))
	s.slowly(t, 10, func(conn net.Conn) string {
		for {
			_, err := conn.Write(request)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("a slow reader is not cut off")
			}
			if err != nil {
				return ""
			}
		}
	})
}
