package access_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"ackbox/internal/access"
)

// These tests run on Linux only: there the loopback interface has all addresses of 127.0.0.0/8.

// newServer starts a server with limited connections that answers each request with "hello".
func newServer(t *testing.T, limit int, withTLS bool) (*httptest.Server, *access.Connections) {
	t.Helper()
	c := access.NewConnections(limit, nil)
	hello := func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "hello") // the client may be gone
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(hello))
	server.Listener = c.Listener(server.Listener)
	server.Config.ConnState = c.ConnState
	if withTLS {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server, c
}

// dialFrom connects from a loopback address to a server.
func dialFrom(t *testing.T, from, to string) net.Conn {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := dialer.DialContext(t.Context(), "tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// ask sends a request on a connection and reports whether it was answered.
func ask(t *testing.T, conn net.Conn) bool {
	t.Helper()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		return false
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return err == nil && string(body) == "hello"
}

func TestFloodFromOneAddressClosesOnlyItsOwnConnections(t *testing.T) {
	t.Parallel()
	server, c := newServer(t, 10, false)
	to := server.Listener.Addr().String()
	good := []net.Conn{dialFrom(t, "127.0.0.2", to), dialFrom(t, "127.0.0.3", to)}
	for _, conn := range good {
		if !ask(t, conn) {
			t.Fatal("no answer before the flood")
		}
	}
	var flood []net.Conn
	for range 50 {
		flood = append(flood, dialFrom(t, "127.0.0.4", to))
	}
	eventually(t, "the limit applies to the flood", func() bool {
		return c.Shed() == 42 && c.Open() == 10
	})
	for _, conn := range flood[:42] {
		if n, err := conn.Read(make([]byte, 1)); n > 0 || err == nil {
			t.Error("one of the oldest connections of the flood is still open")
		}
	}
	for _, conn := range append(good, dialFrom(t, "127.0.0.5", to)) {
		if !ask(t, conn) {
			t.Errorf("got no answer from %s", conn.LocalAddr())
		}
	}
}

func TestClosedConnectionsAreNotCounted(t *testing.T) {
	t.Parallel()
	for _, withTLS := range []bool{false, true} {
		server, c := newServer(t, 4, withTLS)
		client := server.Client()
		client.Transport.(*http.Transport).DisableKeepAlives = true
		for range 20 {
			response, err := client.Get(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(response.Body); err != nil || string(body) != "hello" {
				t.Errorf("got %q, %v", body, err)
			}
			_ = response.Body.Close() // already read
		}
		eventually(t, "no connection is open", func() bool { return c.Open() == 0 })
		if got := c.Shed(); got != 0 {
			t.Errorf("got %d shed, want none", got)
		}
	}
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); <-ticker.C {
		if holds() {
			return
		}
	}
	t.Fatalf("not after 10 s: %s", what)
}
