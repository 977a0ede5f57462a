package handlers_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ackbox/handlers"
)

// pipes is a listener whose connections are pipes.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	conn, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (p pipes) Close() error { return nil }

func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// postPaced posts a body in so many parts, with a pause after each, and stalls after some of them.
// It returns the status, and when it came.
func postPaced(
	t *testing.T, to pipes, length, parts, stallAfter int, pause time.Duration,
) (status int, took time.Duration) {
	t.Helper()
	server, client := net.Pipe()
	to <- server
	started, part := time.Now(), (length+parts-1)/parts
	body := pad(envelope("04l1"), length)
	var writing sync.WaitGroup
	defer writing.Wait()
	defer client.Close()
	writing.Go(func() {
		_, _ = fmt.Fprintf(client, "POST /outbound/token HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"+
			"Content-Length: %d\r\n\r\n", length)
		for i := range stallAfter {
			_, _ = io.WriteString(client, body[min(i*part, length):min((i+1)*part, length)]) // the answer tells
			<-time.After(pause)
		}
	})
	response, err := http.ReadResponse(bufio.NewReader(client), nil)
	if err != nil {
		t.Errorf("%d bytes in %d parts: %v", length, parts, err)
		return 0, 0
	}
	took = time.Since(started)
	_, _ = io.Copy(io.Discard, response.Body) // what matters is read
	return response.StatusCode, took
}

// A large body must keep coming, because of the room that it holds; a small one has the time of a
// whole request.
func TestALargeBodyMustKeepComing(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for _, test := range []struct {
		name                      string
		length, parts, stallAfter int
		pause                     time.Duration
		status                    int
		least, most               time.Duration
	}{
		{"at once", 8 * mib, 1, 1, 0, 200, 0, time.Second},
		{"steadily", 8 * mib, 28, 28, time.Second, 200, 27 * time.Second, 29 * time.Second},
		{"too slowly", 8 * mib, 100, 100, time.Second, 400, 5 * time.Second, 12 * time.Second},
		{"stalls at the start", 8 * mib, 16, 1, 0, 400, 4 * time.Second, 6 * time.Second},
		{"stalls in the middle", 8 * mib, 16, 8, time.Second, 400, 8 * time.Second, 14 * time.Second},
		{"stalls at the end", 8 * mib, 16, 15, 0, 400, 4 * time.Second, 6 * time.Second},
		{"too long in all", 8 * mib, 34, 34, time.Second, 400, 29 * time.Second, 31 * time.Second},
		{"a small one that stalls", 200 << 10, 2, 1, 0, 400, 29 * time.Second, 31 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, &memory{}, handlers.Access{}, func(t *testing.T, b *bubble) {
				listener := make(pipes)
				server := &http.Server{Handler: b.routes, ReadTimeout: 30 * time.Second}
				ended := make(chan error)
				go func() { ended <- server.Serve(listener) }()
				status, took := postPaced(t, listener, test.length, test.parts, test.stallAfter, test.pause)
				if status != test.status || took < test.least || took > test.most {
					t.Errorf("got %d after %s, want %d after %s to %s", status, took, test.status, test.least, test.most)
				}
				if logged := b.log.String(); status == 400 && !strings.Contains(logged, "cause=interrupted") {
					t.Errorf("the log lacks the cause: %s", logged)
				}
				close(listener)
				<-ended
				_ = server.Close() // nothing is left to fail
				synctest.Wait()
			})
		})
	}
}
