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

// Linux alone has all of 127.0.0.0/8 on its loopback interface.

// newGuarded is a real server that says "hello" to each request.
func newGuarded(t *testing.T, limit int, secured bool) (*httptest.Server, *access.Connections) {
	t.Helper()
	c := access.NewConnections(limit, nil)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "hello") // the client may have gone
	}))
	server.Listener = c.Listener(server.Listener)
	server.Config.ConnState = c.ConnState
	if secured {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server, c
}

// dialFrom connects from a loopback address.
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

// ask makes a request on a connection, and tells whether it was answered.
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

func TestAFloodFromOneAddressHurtsOnlyItself(t *testing.T) {
	t.Parallel()
	server, c := newGuarded(t, 10, false)
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
	eventually(t, "the flood is cut to what there is room for", func() bool { return c.Shed() == 42 && c.Open() == 10 })
	for _, conn := range flood[:42] {
		if n, err := conn.Read(make([]byte, 1)); n > 0 || err == nil {
			t.Error("the oldest of the flood are still open")
		}
	}
	for _, conn := range append(good, dialFrom(t, "127.0.0.5", to)) {
		if !ask(t, conn) {
			t.Errorf("%s gets no answer", conn.LocalAddr())
		}
	}
}

func TestWhoIsClosedLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	for _, secured := range []bool{false, true} {
		server, c := newGuarded(t, 4, secured)
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
			_ = response.Body.Close() // it was read
		}
		eventually(t, "none is open", func() bool { return c.Open() == 0 })
		if got := c.Shed(); got != 0 {
			t.Errorf("got %d shed, want none", got)
		}
	}
}

// eventually waits for what the server does a moment later.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); <-ticker.C {
		if holds() {
			return
		}
	}
	t.Fatalf("not within 10 s: %s", what)
}
