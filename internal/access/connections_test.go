package access_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbox/internal/access"
)

// entrance is a listener whose connections are made up, each from an address of choice.
type entrance struct {
	net.Listener // nil: nobody asks it for anything but connections
	next         chan net.Conn
}

func (e entrance) Accept() (net.Conn, error) {
	conn, ok := <-e.next
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

// visitor is the server's end of a connection that seems to come from an address.
type visitor struct {
	net.Conn
	from net.Addr
}

func (v visitor) RemoteAddr() net.Addr { return v.from }

// hall is Connections with those that came, by name.
type hall struct {
	t        *testing.T
	c        *access.Connections
	next     chan net.Conn
	listener net.Listener
	server   map[string]net.Conn
	client   map[string]net.Conn
}

func newHall(t *testing.T, limit int, trusted func(netip.Addr) bool) *hall {
	t.Helper()
	c := access.NewConnections(limit, trusted)
	next := make(chan net.Conn, 1)
	return &hall{t, c, next, c.Listener(entrance{next: next}), map[string]net.Conn{}, map[string]net.Conn{}}
}

// come makes a connection from an address, as a server sees it.
func (h *hall) come(name, addr string) {
	h.t.Helper()
	server, client := net.Pipe()
	from := net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(addr), 1234))
	h.next <- visitor{server, from}
	accepted, err := h.listener.Accept()
	if err != nil {
		h.t.Fatal(err)
	}
	h.server[name], h.client[name] = accepted, client
	h.c.ConnState(accepted, http.StateNew)
	h.t.Cleanup(func() { accepted.Close() })
}

// become sets the state of connections.
func (h *hall) become(state http.ConnState, names ...string) {
	for _, name := range names {
		h.c.ConnState(h.server[name], state)
	}
}

// wantClosed makes sure that these connections are closed, and no others.
func (h *hall) wantClosed(names ...string) {
	h.t.Helper()
	want, got := map[string]bool{}, map[string]bool{}
	for _, name := range names {
		want[name] = true
	}
	for name, client := range h.client {
		if closedByServer(h.t, client) {
			got[name] = true
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		h.t.Errorf("closed (-want +got):\n%s", diff)
	}
	if open := len(h.client) - len(got); h.c.Open() != open {
		h.t.Errorf("got %d open, want %d", h.c.Open(), open)
	}
}

// closedByServer tells whether the server has closed a pipe, which writes nothing.
func closedByServer(t *testing.T, client net.Conn) bool {
	t.Helper()
	if err := client.SetReadDeadline(time.Unix(0, 0)); errors.Is(err, io.ErrClosedPipe) {
		return true
	} else if err != nil {
		t.Fatal(err)
	}
	_, err := client.Read(make([]byte, 1)) // whose time is over: what is not there by now does not count
	return errors.Is(err, io.EOF)
}

func TestBelowTheLimitNothingIsClosed(t *testing.T) {
	t.Parallel()
	h := newHall(t, 3, nil)
	h.come("a1", "192.0.2.1")
	h.come("a2", "192.0.2.1")
	h.come("a3", "192.0.2.1")
	h.wantClosed()
	if got := h.c.Shed(); got != 0 {
		t.Errorf("got %d shed, want none", got)
	}
}

func TestTheAddressWithMostPays(t *testing.T) {
	t.Parallel()
	h := newHall(t, 4, nil)
	h.come("good", "198.51.100.1")
	h.come("a1", "192.0.2.1")
	h.come("a2", "192.0.2.1")
	h.come("a3", "192.0.2.1")
	h.come("a4", "192.0.2.1") // its own oldest makes room
	h.wantClosed("a1")
	h.come("new", "198.51.100.2") // and for others, too
	h.wantClosed("a1", "a2")
	if got := h.c.Shed(); got != 2 {
		t.Errorf("got %d shed, want 2", got)
	}
}

func TestTheOneThatWaitsLongestIsClosed(t *testing.T) {
	t.Parallel()
	h := newHall(t, 4, nil)
	h.come("a1", "192.0.2.1")
	h.come("a2", "192.0.2.1")
	h.come("a3", "192.0.2.1")
	h.come("a4", "192.0.2.1")
	h.become(http.StateActive, "a1", "a2")
	h.become(http.StateIdle, "a1") // it has had its answer just now
	h.come("b1", "192.0.2.2")
	h.wantClosed("a3")
	h.come("b2", "192.0.2.2")
	h.wantClosed("a3", "a4")
}

func TestARequestUnderWayIsClosedLast(t *testing.T) {
	t.Parallel()
	h := newHall(t, 3, nil)
	h.come("a1", "192.0.2.1")
	h.come("a2", "192.0.2.1")
	h.come("a3", "192.0.2.1")
	h.become(http.StateActive, "a2", "a1", "a3")
	h.come("a4", "192.0.2.1") // of one address, the new one waits, and the others do not
	h.wantClosed("a4")
	h.come("new", "198.51.100.1") // but another address gets in
	h.wantClosed("a4", "a2")
}

func TestANewAddressGetsInWhenAllHaveOne(t *testing.T) {
	t.Parallel()
	h := newHall(t, 3, nil)
	h.come("a", "192.0.2.1")
	h.come("b", "192.0.2.2")
	h.come("c", "192.0.2.3")
	h.become(http.StateActive, "b", "a")
	h.come("d", "192.0.2.4")
	h.wantClosed("c") // the one that waits, though it came last
	h.become(http.StateActive, "d")
	h.come("e", "192.0.2.5")
	h.wantClosed("b", "c")
}

func TestANetworkOfIPv6IsOneAddress(t *testing.T) {
	t.Parallel()
	h := newHall(t, 3, nil)
	h.come("good", "2001:db8:0:1::1")
	h.come("a1", "2001:db8::1")
	h.come("a2", "2001:db8::2")
	h.come("new", "::ffff:192.0.2.1")
	h.wantClosed("a1")
}

func TestTrustedAddressesYieldLast(t *testing.T) {
	t.Parallel()
	proxy := netip.MustParseAddr("10.0.0.1")
	h := newHall(t, 3, func(addr netip.Addr) bool { return addr == proxy })
	h.come("p1", "10.0.0.1")
	h.come("p2", "10.0.0.1")
	h.come("a", "192.0.2.1")
	h.come("b", "192.0.2.2") // whoever goes round the proxy takes nothing from those behind it
	h.wantClosed("a")
	h.come("p3", "10.0.0.1")
	h.wantClosed("a", "b")
	h.come("c", "192.0.2.3")
	h.wantClosed("a", "b", "c")
	h.come("p4", "10.0.0.1")
	h.wantClosed("a", "b", "c", "p1")
}

func TestTheNeighbourOfATrustedAddressIsNotTrusted(t *testing.T) {
	t.Parallel()
	proxy := netip.MustParseAddr("2001:db8::1")
	h := newHall(t, 3, func(addr netip.Addr) bool { return addr == proxy })
	h.come("p1", "2001:db8::1")
	h.come("p2", "2001:db8::1")
	h.come("a", "2001:db8::2") // of the same network
	h.come("p3", "2001:db8::1")
	h.wantClosed("a")
}

func TestAClosedConnectionMakesRoom(t *testing.T) {
	t.Parallel()
	h := newHall(t, 2, nil)
	h.come("a1", "192.0.2.1")
	h.come("a2", "192.0.2.1")
	for range 2 {
		_ = h.server["a1"].Close() // the server does so more than once
	}
	h.become(http.StateClosed, "a1")
	h.become(http.StateActive, "a1") // too late to count
	h.come("b", "192.0.2.2")
	h.wantClosed("a1")
	h.come("c", "192.0.2.3")
	h.wantClosed("a1", "a2")
	_ = h.server["a2"].Close() // which was closed for c
	if got := h.c.Open(); got != 2 {
		t.Errorf("got %d open, want 2", got)
	}
}

func TestAConnectionIsFollowedThroughTLS(t *testing.T) {
	t.Parallel()
	h := newHall(t, 2, nil)
	h.come("a1", "192.0.2.1")
	h.come("a2", "192.0.2.1")
	h.c.ConnState(tls.Server(h.server["a1"], &tls.Config{MinVersion: tls.VersionTLS12}), http.StateActive)
	h.come("b", "192.0.2.2")
	h.wantClosed("a2")
}

func TestOthersConnectionsAreNotFollowed(t *testing.T) {
	t.Parallel()
	c := access.NewConnections(1, nil)
	conn, other := net.Pipe()
	defer other.Close()
	defer conn.Close()
	c.ConnState(conn, http.StateActive)
	if got := c.Open(); got != 0 {
		t.Errorf("got %d open, want none", got)
	}
}

// Everything at once, for the race detector: the count must be right at the end.
func TestConnectionsAreCountedUnderConcurrency(t *testing.T) {
	t.Parallel()
	const limit = 8
	c := access.NewConnections(limit, nil)
	next := make(chan net.Conn)
	l := c.Listener(entrance{next: next})
	var wait sync.WaitGroup
	for worker := range 4 {
		wait.Go(func() {
			for i := range 500 {
				server, _ := net.Pipe()
				from := netip.AddrPortFrom(ipv4(i%(worker+2)), 1)
				go func() { next <- visitor{server, net.TCPAddrFromAddrPort(from)} }()
				conn, err := l.Accept()
				if err != nil {
					t.Error(err)
					return
				}
				c.ConnState(conn, http.StateActive)
				c.ConnState(conn, http.StateIdle)
				if open := c.Open(); open > limit {
					t.Errorf("got %d open, want %d at most", open, limit)
				}
				if i%3 > 0 {
					_ = conn.Close() // never fails with a pipe
				}
			}
		})
	}
	wait.Wait()
	close(next)
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want the listener's own error", err)
	}
	if got := c.Open(); got > limit || got == 0 {
		t.Errorf("got %d open, want 1 to %d", got, limit)
	}
}
