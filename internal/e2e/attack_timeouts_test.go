package e2e_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"ackbox/store/storetest"
)

// The time limits of the HTTP server.
const (
	headerTimeout = 10 * time.Second // for the header of a request, and for a TLS handshake
	readTimeout   = 30 * time.Second // for a request with its body
	writeTimeout  = time.Minute      // for a request with its answer
	idleTimeout   = 2 * time.Minute  // between two requests on a connection
)

// checkLater runs check when a test has returned. Tests that wait for the limits start their
// clients before they call t.Parallel, so that the limits expire while other tests run, and wait
// in check: a parallel test with a parallel subtest keeps no other from running in its cleanup.
func checkLater(t *testing.T, check func()) {
	t.Helper()
	t.Cleanup(check)
	t.Run("started", func(t *testing.T) { t.Parallel() })
}

// drip writes a text over and over, a byte at a time with pauses, until the server closes the
// connection. It returns what the server answered. The deadline of the connection must be
// beyond the limit of the server that is tested.
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
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for i := 0; ; i++ {
		select {
		case got := <-ended:
			return got
		case <-ticker.C:
			_, _ = io.WriteString(conn, text[i%len(text):][:1]) // the reader notices the end
		}
	}
}

// startSlow runs send on as many connections in the background, and posts good messages
// meanwhile, each of which must be acked. No connection may end before the limit. The
// function it returns waits until all have ended, and returns what send returned.
func (s *server) startSlow(
	t *testing.T, clients int, limit time.Duration, send func(conn net.Conn) string,
) (wait func() []string) {
	t.Helper()
	started := time.Now()
	answers := make([]string, clients)
	var sending sync.WaitGroup
	for i := range answers {
		conn := s.dial(t)
		if err := conn.SetDeadline(started.Add(limit + testTimeout)); err != nil {
			t.Fatal(err)
		}
		sending.Go(func() {
			answers[i] = send(conn)
			if took := time.Since(started); took < limit {
				t.Errorf("cut off after %s, want %s at least", took, limit)
			}
		})
	}
	ended := make(chan struct{})
	go func() {
		sending.Wait()
		close(ended)
	}()
	acks := make(chan int, 1)
	go func() { acks <- s.postUntil(t, ended) }()
	return func() []string {
		t.Logf("%d good messages were acked meanwhile", <-acks)
		return answers
	}
}

// postUntil posts good messages, ten a second, until ended is closed, and counts the Acks.
func (s *server) postUntil(t *testing.T, ended <-chan struct{}) (acks int) {
	t.Helper()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		if got := post(t, s.url("crm"), unchanged()); got != acked {
			t.Errorf("a good message got %+v, want the Ack", got)
		}
		acks++
		select {
		case <-ended:
			return acks
		case <-ticker.C:
		}
	}
}

func TestASlowHeaderIsCutOff(t *testing.T) {
	s := startRaw(t)
	wait := s.startSlow(t, 50, headerTimeout, func(conn net.Conn) string {
		return drip(t, conn, s.head()+strings.Repeat("X: a\r\n", 10_000))
	})
	checkLater(t, func() {
		for _, got := range wait() {
			if !strings.HasPrefix(got, "HTTP/1.1 400 ") {
				t.Errorf("got %q, want 400", got)
			}
		}
	})
	t.Parallel()
}

func TestASlowHandshakeIsCutOff(t *testing.T) {
	in := install(t)
	in.secure()
	in.add("crm")
	s := in.serve()
	s.ready()
	hello := clientHello(tls.VersionTLS13)
	wait := s.startSlow(t, 50, headerTimeout, func(conn net.Conn) string {
		return drip(t, conn, hello)
	})
	checkLater(t, func() {
		for _, got := range wait() {
			if got != "" {
				t.Errorf("got %q, want no answer", got)
			}
		}
	})
	t.Parallel()
}

func TestASlowBodyIsCutOff(t *testing.T) {
	s := startRaw(t)
	startSlow := func(header string) (wait func() []string) {
		return s.startSlow(t, 50, readTimeout, func(conn net.Conn) string {
			_, _ = io.WriteString(conn, s.head()+header) // the reader notices the end
			return drip(t, conn, "1\r\n<\r\n")
		})
	}
	waits := map[string]func() []string{
		"length":  startSlow("Content-Length: 100000\r\n\r\n"),
		"chunked": startSlow("Transfer-Encoding: chunked\r\n\r\n"),
	}
	checkLater(t, func() {
		for name, wait := range waits {
			for _, raw := range wait() {
				got := s.parse(t, []byte(raw))
				if statuses(got) != "400" {
					t.Errorf("%s: got %+v, want a Fault with 400", name, got)
				}
			}
		}
	})
	t.Parallel()
}

// A client without a token, or one that posts to no source, does not get the time that a
// message has.
func TestABodyThatNobodyReadsIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	s := startRaw(t)
	var wait sync.WaitGroup
	for line, want := range map[string]string{
		"POST /outbound/unknown": "404", "PUT " + s.paths["crm"]: "405", "GET " + s.paths["crm"]: "200",
		"GET /healthz": "200", "POST /elsewhere": "404", "OPTIONS *": "404",
	} {
		for _, framing := range []string{"Content-Length: 1000", "Transfer-Encoding: chunked"} {
			conn := s.dial(t)
			if err := conn.SetDeadline(time.Now().Add(readTimeout / 2)); err != nil {
				t.Fatal(err)
			}
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

// A client that sends and never reads fills the buffers on the way. Then the server waits for
// it, up to the limit.
func TestASlowReaderIsCutOff(t *testing.T) {
	s := startRaw(t)
	request := bytes.Repeat([]byte(get11(s.paths["crm"], "")), 100)
	wait := s.startSlow(t, 10, writeTimeout, func(conn net.Conn) string {
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
	checkLater(t, func() { wait() })
	t.Parallel()
}

// TestFaultHalfOpenConnections leaves connections whose client has vanished without closing
// them, some within a body and some after an Ack. The server must close them by itself, while
// others post undisturbed.
func TestFaultHalfOpenConnections(t *testing.T) {
	for _, driver := range []string{storetest.SQLite, storetest.Postgres} {
		t.Run(driver, func(t *testing.T) {
			s := startWith(t, storetest.URL(t, driver), "crm")
			calm := unreliableSender
			calm.Rate = 10
			load := s.startLoad(calm)
			load.awaitAcks(10)
			body := load.message(t, 1)
			var open sync.WaitGroup
			for range times(10, 100) {
				s.leaveOpen(t, &open, body, len(body)/2, readTimeout)
				s.leaveOpen(t, &open, body, len(body), idleTimeout)
			}
			checkLater(t, func() {
				open.Wait()
				requireAck(t, post(t, s.url("crm"), body))
				load.awaitAcks(10)
				load.stop()
				load.checkStored("half-open connections", driver, s.export())
			})
			t.Parallel()
		})
	}
	t.Parallel()
}

// leaveOpen sends as much of a body and then nothing. It counts the connection as open until
// the server closes it, which must be after the limit and not much later.
func (s *server) leaveOpen(
	t *testing.T, open *sync.WaitGroup, body []byte, size int, limit time.Duration,
) {
	t.Helper()
	started, conn := time.Now(), s.dial(t)
	if err := conn.SetDeadline(started.Add(limit + testTimeout)); err != nil {
		t.Fatal(err)
	}
	s.write(t, conn, "vanished", len(body), body[:size])
	open.Go(func() {
		_, err := io.Copy(io.Discard, conn)
		took := time.Since(started)
		if errors.Is(err, net.ErrClosed) || isTimeout(err) {
			t.Errorf("still open after %s: %v", took, err)
		}
		if took < limit {
			t.Errorf("closed after %s, want %s at least", took, limit)
		}
	})
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}
