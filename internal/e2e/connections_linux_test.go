package e2e_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// dialFrom connects from an address of the loopback interface. On Linux a client may use any of
// 127.0.0.0/8.
func (s *server) dialFrom(t *testing.T, from string) *net.TCPConn {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(s.base(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(testTimeout)); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// flood opens connections from an address and writes a text on each.
func (s *server) flood(t *testing.T, from string, connections int, text string) []*net.TCPConn {
	t.Helper()
	var all []*net.TCPConn
	for range connections {
		conn := s.dialFrom(t, from)
		_, _ = io.WriteString(conn, text) // it may be closed already, to make room
		all = append(all, conn)
	}
	return all
}

// stillOpen returns how many of the connections the server has not closed, as far as the client
// knows yet.
func stillOpen(t *testing.T, conns []*net.TCPConn) int {
	t.Helper()
	open := 0
	for _, conn := range conns {
		if err := conn.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			open++
		}
	}
	return open
}

// keepAliveClient is a sender that keeps its connection.
type keepAliveClient struct {
	*net.TCPConn
	*bufio.Reader
}

// connectAndPost connects from an address and posts a message.
func (s *server) connectAndPost(t *testing.T, from string) keepAliveClient {
	t.Helper()
	conn := s.dialFrom(t, from)
	k := keepAliveClient{conn, bufio.NewReader(conn)}
	s.postAgain(t, k)
	return k
}

// postAgain posts a message on the same connection. It must be acked.
func (s *server) postAgain(t *testing.T, k keepAliveClient) {
	t.Helper()
	if _, err := io.WriteString(k.TCPConn, s.posted(string(unchanged()))); err != nil {
		t.Fatalf("from %s: %v", k.LocalAddr(), err)
	}
	response, err := http.ReadResponse(k.Reader, nil)
	if err != nil {
		t.Fatalf("from %s: %v", k.LocalAddr(), err)
	}
	requireAck(t, read(response))
}

// startWithAdmin starts an inbox with an admin address, whose metrics count the goroutines.
func startWithAdmin(t *testing.T, env ...string) *server {
	t.Helper()
	return startRaw(t, append(env, "ACKBOX_ADMIN_ADDR="+freeAddr(t))...)
}

// requireBoundedResources checks that the process uses no more goroutines, files and memory than a
// number of connections may need.
func (s *server) requireBoundedResources(t *testing.T, connections int) {
	t.Helper()
	var got sample
	eventually(t, testTimeout, "the goroutines of closed connections end", func() bool {
		got = s.sample(t)
		return got.goroutines < 2*connections+100 // two each while a request is read
	})
	t.Logf("%v; peak memory %d MiB", got, s.peakMemory()>>20)
	if got.files > connections+100 {
		t.Errorf("got %d open files with %d connections", got.files, connections)
	}
	if limit := int64(64<<20 + connections*64<<10); s.peakMemory() > limit && !raceEnabled {
		t.Errorf("got %d MiB, want %d at most", s.peakMemory()>>20, limit>>20)
	}
}

func TestAThousandIdleConnectionsHoldNobodyUp(t *testing.T) {
	t.Parallel()
	const idle = 1000
	s := startWithAdmin(t)
	good := s.connectAndPost(t, "127.0.0.1")
	conns := s.flood(t, "127.0.0.2", idle, get11("/healthz", ""))
	for range 20 {
		s.postAgain(t, good)
		requireAck(t, post(t, s.url("crm"), unchanged()))
	}
	if got := stillOpen(t, conns); got != idle {
		t.Errorf("got %d connections open, want %d", got, idle)
	}
	s.requireBoundedResources(t, idle)
}

func TestAFloodOfConnectionsHurtsOnlyItsAddress(t *testing.T) {
	t.Parallel()
	const limit, flood, keepers = 500, 2000, 4
	for name, test := range map[string]string{
		"silent":        "",
		"slow headers":  "POST /outbound/x HTTP/1.1\r\nX: ",
		"answered once": "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"slow bodies":   "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n<",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startWithAdmin(t, fmt.Sprintf("ACKBOX_MAX_CONNECTIONS=%d", limit))
			var good []keepAliveClient
			for range keepers {
				good = append(good, s.connectAndPost(t, "127.0.0.1"))
			}
			conns := s.flood(t, "127.0.0.2", flood, strings.Replace(test, "%s", s.paths["crm"], 1))
			s.connectAndPost(t, "127.0.0.3") // a new client gets a connection
			for range 5 {
				for _, k := range good {
					s.postAgain(t, k)
				}
			}
			const most = limit - keepers - 1
			got := 0
			eventually(t, testTimeout, "the flood is cut down to the room for it", func() bool {
				got = stillOpen(t, conns)
				return got <= most
			})
			if got < most-10 {
				t.Errorf("got %d connections of the flood open, want %d", got, most)
			}
			s.requireBoundedResources(t, limit)
		})
	}
}

// An attacker with many addresses only takes the connections of clients that hold several, and
// never the last one of a client.
func TestAFloodFromManyAddressesLeavesEachSenderOne(t *testing.T) {
	t.Parallel()
	const limit, addresses, each = 200, 100, 10
	s := startWithAdmin(t, fmt.Sprintf("ACKBOX_MAX_CONNECTIONS=%d", limit))
	good := s.connectAndPost(t, "127.0.0.1")
	for i := range addresses {
		s.flood(t, fmt.Sprintf("127.0.1.%d", i+1), each, get11("/healthz", ""))
		s.postAgain(t, good)
	}
	s.connectAndPost(t, "127.0.0.3")
	s.postAgain(t, good)
	s.requireBoundedResources(t, limit)
}

func TestALimitOfNoConnectionsIsAWrongSetting(t *testing.T) {
	t.Parallel()
	in := install(t, "PORT=0")
	for _, limit := range []string{"0", "-1", "many"} {
		in.set("ACKBOX_MAX_CONNECTIONS", limit)
		got := in.cli("serve")
		if got.code != 2 || !strings.Contains(got.stderr, "max-connections") {
			t.Errorf("%s: got %+v, want exit code 2 and why", limit, got)
		}
	}
}

// With fewer file descriptors than ACKBOX_MAX_CONNECTIONS, a flood of connections must not take the
// last one: nobody could connect, and the inbox could not reach its database.
func TestAFloodOfConnectionsLeavesFileDescriptors(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		in := install(t, "DATABASE_URL="+database)
		in.descriptors = 200
		in.add("crm")
		s := in.serve()
		s.ready()
		idle := s.flood(t, "127.0.0.3", 400, "")
		s.connectAndPost(t, goodFrom)
		if got := stillOpen(t, idle); got > 100 {
			t.Errorf("got %d connections open, want half of the limit of open files at most", got)
		}
		if !strings.Contains(s.stderr.String(), "open_files=200 used=100") {
			t.Error("the log has no warning")
		}
	})
}
