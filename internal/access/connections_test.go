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

// channelListener is a listener that accepts the connections from a channel.
type channelListener struct {
	net.Listener // nil: only Accept is called
	next         chan net.Conn
}

func (l channelListener) Accept() (net.Conn, error) {
	conn, ok := <-l.next
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

// fakeConn is the server's end of a pipe, with a remote address of the test's choice.
type fakeConn struct {
	net.Conn
	from net.Addr
}

func (c fakeConn) RemoteAddr() net.Addr { return c.from }

// fixture is Connections with both ends of named connections.
type fixture struct {
	t        *testing.T
	c        *access.Connections
	next     chan net.Conn
	listener net.Listener
	server   map[string]net.Conn
	client   map[string]net.Conn
}

func newFixture(t *testing.T, limit int, trusted func(netip.Addr) bool) *fixture {
	t.Helper()
	c := access.NewConnections(limit, trusted)
	next := make(chan net.Conn, 1)
	return &fixture{
		t, c, next, c.Listener(channelListener{next: next}), map[string]net.Conn{}, map[string]net.Conn{},
	}
}

// accept accepts a connection from an address.
func (f *fixture) accept(name, addr string) {
	f.t.Helper()
	server, client := net.Pipe()
	from := net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(addr), 1234))
	f.next <- fakeConn{server, from}
	accepted, err := f.listener.Accept()
	if err != nil {
		f.t.Fatal(err)
	}
	f.server[name], f.client[name] = accepted, client
	f.c.ConnState(accepted, http.StateNew)
	f.t.Cleanup(func() { accepted.Close() })
}

// setState sets the state of connections.
func (f *fixture) setState(state http.ConnState, names ...string) {
	for _, name := range names {
		f.c.ConnState(f.server[name], state)
	}
}

// requireClosed fails unless exactly the named connections are closed.
func (f *fixture) requireClosed(names ...string) {
	f.t.Helper()
	want, got := map[string]bool{}, map[string]bool{}
	for _, name := range names {
		want[name] = true
	}
	for name, client := range f.client {
		if closedByServer(f.t, client) {
			got[name] = true
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		f.t.Errorf("closed (-want +got):\n%s", diff)
	}
	if open := len(f.client) - len(got); f.c.Open() != open {
		f.t.Errorf("got %d open, want %d", f.c.Open(), open)
	}
}

// closedByServer reports whether the server has closed its end of a pipe. The server writes
// nothing.
func closedByServer(t *testing.T, client net.Conn) bool {
	t.Helper()
	if err := client.SetReadDeadline(time.Unix(0, 0)); errors.Is(err, io.ErrClosedPipe) {
		return true
	} else if err != nil {
		t.Fatal(err)
	}
	_, err := client.Read(make([]byte, 1)) // returns at once: the deadline has passed
	return errors.Is(err, io.EOF)
}

func TestConnectionsWithinTheLimitStayOpen(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 3, nil)
	f.accept("a1", "192.0.2.1")
	f.accept("a2", "192.0.2.1")
	f.accept("a3", "192.0.2.1")
	f.requireClosed()
	if got := f.c.Shed(); got != 0 {
		t.Errorf("got %d shed, want none", got)
	}
}

func TestAddressWithMostConnectionsLosesOne(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 4, nil)
	f.accept("good", "198.51.100.1")
	f.accept("a1", "192.0.2.1")
	f.accept("a2", "192.0.2.1")
	f.accept("a3", "192.0.2.1")
	f.accept("a4", "192.0.2.1") // closes the oldest of its own address
	f.requireClosed("a1")
	f.accept("new", "198.51.100.2") // closes one of another address
	f.requireClosed("a1", "a2")
	if got := f.c.Shed(); got != 2 {
		t.Errorf("got %d shed, want 2", got)
	}
}

func TestConnectionThatWaitsLongestIsClosed(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 4, nil)
	f.accept("a1", "192.0.2.1")
	f.accept("a2", "192.0.2.1")
	f.accept("a3", "192.0.2.1")
	f.accept("a4", "192.0.2.1")
	f.setState(http.StateActive, "a1", "a2")
	f.setState(http.StateIdle, "a1") // just answered
	f.accept("b1", "192.0.2.2")
	f.requireClosed("a3")
	f.accept("b2", "192.0.2.2")
	f.requireClosed("a3", "a4")
}

func TestActiveConnectionIsClosedLast(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 3, nil)
	f.accept("a1", "192.0.2.1")
	f.accept("a2", "192.0.2.1")
	f.accept("a3", "192.0.2.1")
	f.setState(http.StateActive, "a2", "a1", "a3")
	f.accept("a4", "192.0.2.1") // of one address, only the new one waits
	f.requireClosed("a4")
	f.accept("new", "198.51.100.1") // another address is accepted
	f.requireClosed("a4", "a2")
}

func TestNewAddressIsAcceptedWhenAllHaveOneConnection(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 3, nil)
	f.accept("a", "192.0.2.1")
	f.accept("b", "192.0.2.2")
	f.accept("c", "192.0.2.3")
	f.setState(http.StateActive, "b", "a")
	f.accept("d", "192.0.2.4")
	f.requireClosed("c") // it waits, though "b" and "a" are older
	f.setState(http.StateActive, "d")
	f.accept("e", "192.0.2.5")
	f.requireClosed("b", "c")
}

func TestIPv6NetworkCountsAsOneAddress(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 3, nil)
	f.accept("good", "2001:db8:0:1::1")
	f.accept("a1", "2001:db8::1")
	f.accept("a2", "2001:db8::2")
	f.accept("new", "::ffff:192.0.2.1")
	f.requireClosed("a1")
}

func TestTrustedConnectionsAreClosedLast(t *testing.T) {
	t.Parallel()
	proxy := netip.MustParseAddr("10.0.0.1")
	f := newFixture(t, 3, func(addr netip.Addr) bool { return addr == proxy })
	f.accept("p1", "10.0.0.1")
	f.accept("p2", "10.0.0.1")
	f.accept("a", "192.0.2.1")
	f.accept("b", "192.0.2.2") // clients that bypass the proxy do not affect those behind it
	f.requireClosed("a")
	f.accept("p3", "10.0.0.1")
	f.requireClosed("a", "b")
	f.accept("c", "192.0.2.3")
	f.requireClosed("a", "b", "c")
	f.accept("p4", "10.0.0.1")
	f.requireClosed("a", "b", "c", "p1")
}

func TestNetworkOfATrustedAddressIsNotTrusted(t *testing.T) {
	t.Parallel()
	proxy := netip.MustParseAddr("2001:db8::1")
	f := newFixture(t, 3, func(addr netip.Addr) bool { return addr == proxy })
	f.accept("p1", "2001:db8::1")
	f.accept("p2", "2001:db8::1")
	f.accept("a", "2001:db8::2") // in the same network
	f.accept("p3", "2001:db8::1")
	f.requireClosed("a")
}

func TestClosedConnectionFreesItsPlace(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 2, nil)
	f.accept("a1", "192.0.2.1")
	f.accept("a2", "192.0.2.1")
	for range 2 {
		_ = f.server["a1"].Close() // the server may close it more than once
	}
	f.setState(http.StateClosed, "a1")
	f.setState(http.StateActive, "a1") // ignored after the close
	f.accept("b", "192.0.2.2")
	f.requireClosed("a1")
	f.accept("c", "192.0.2.3")
	f.requireClosed("a1", "a2")
	_ = f.server["a2"].Close() // already closed because of c
	if got := f.c.Open(); got != 2 {
		t.Errorf("got %d open, want 2", got)
	}
}

func TestConnStateOfTLSConnection(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 2, nil)
	f.accept("a1", "192.0.2.1")
	f.accept("a2", "192.0.2.1")
	conn := tls.Server(f.server["a1"], &tls.Config{MinVersion: tls.VersionTLS12})
	f.c.ConnState(conn, http.StateActive)
	f.accept("b", "192.0.2.2")
	f.requireClosed("a2")
}

func TestConnStateOfUnknownConnection(t *testing.T) {
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

// The count must be right after concurrent use; the race detector watches, too.
func TestConnectionsUnderConcurrency(t *testing.T) {
	t.Parallel()
	const limit = 8
	c := access.NewConnections(limit, nil)
	next := make(chan net.Conn)
	l := c.Listener(channelListener{next: next})
	var wait sync.WaitGroup
	for worker := range 4 {
		wait.Go(func() {
			for i := range 500 {
				server, _ := net.Pipe()
				from := netip.AddrPortFrom(ipv4(i%(worker+2)), 1)
				go func() { next <- fakeConn{server, net.TCPAddrFromAddrPort(from)} }()
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

// A request changes the state of its connection twice. The order in which connections are closed
// must not depend on where in a list they were when they left it.
func TestStatesOfAConnectionAllocateNothing(t *testing.T) {
	f := newFixture(t, 3, nil)
	f.accept("first", "192.0.2.1")
	f.accept("middle", "192.0.2.1")
	f.accept("last", "192.0.2.1")
	allocations := testing.AllocsPerRun(10, func() {
		for _, name := range []string{"middle", "first", "last"} {
			f.c.ConnState(f.server[name], http.StateActive)
			f.c.ConnState(f.server[name], http.StateIdle)
		}
	})
	if allocations > 0 {
		t.Errorf("got %v allocations for 6 changes, want none", allocations)
	}
	for i, closed := range []string{"middle", "first", "last"} {
		f.accept(string(rune('a'+i)), "192.0.2.1")
		if _, err := f.client[closed].Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("%s: got %v, want it closed", closed, err)
		}
	}
}
