package e2e_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"time"
)

// attack is a way to exhaust the inbox, or to pass its access checks.
type attack struct {
	name    string
	workers int
	every   time.Duration // the interval of the tries of each worker; if 0, one that suits the test
	try     try
}

// try makes the n-th try of an attack. It returns all that the inbox sent.
type try func(ctx context.Context, n int) (received []byte)

// attacker is where an attack comes from, and the certificate that it shows.
type attacker struct {
	from  string
	plain bool             // without TLS
	shown *tls.Certificate // none if nil
}

// script is what a client does on a connection, until the context ends or the inbox closes the
// connection.
type script func(ctx context.Context, conn net.Conn)

// run connects and runs a script. It reads until the inbox closes the connection or the context
// ends.
func (s *target) run(ctx context.Context, c attacker, script script) (received []byte) {
	ctx, end := context.WithCancel(ctx)
	defer end()
	conn, err := s.connect(ctx, c)
	if err != nil {
		return nil // it is refused, for example when there are too many
	}
	defer conn.Close()
	var wait sync.WaitGroup
	wait.Go(func() { script(ctx, conn) })
	received, _ = io.ReadAll(io.LimitReader(conn, 1<<20)) // any end is good: the results count
	end()
	wait.Wait()
	return received
}

// connect opens a connection that is closed when the context ends.
func (s *target) connect(ctx context.Context, c attacker) (net.Conn, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(c.from)}}
	conn, err := dialer.DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	if c.plain {
		return conn, nil
	}
	secured := tls.Client(conn, &tls.Config{
		RootCAs: authority().Pool(), ServerName: "localhost",
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if c.shown == nil {
				return &tls.Certificate{}, nil
			}
			return c.shown, nil
		},
	})
	return secured, secured.HandshakeContext(ctx)
}

// sendText writes a text and closes its side of the connection.
func sendText(text string) script {
	return func(_ context.Context, conn net.Conn) {
		_, _ = io.WriteString(conn, text) // the inbox may close the connection before
		_ = conn.(interface{ CloseWrite() error }).CloseWrite()
	}
}

// sendAndWait writes a text and leaves the connection open.
func sendAndWait(text string) script {
	return func(_ context.Context, conn net.Conn) { _, _ = io.WriteString(conn, text) }
}

// sendAndReset writes a text and resets the connection.
func sendAndReset(text string) script {
	return func(_ context.Context, conn net.Conn) {
		_, _ = io.WriteString(conn, text)
		if secured, ok := conn.(*tls.Conn); ok {
			conn = secured.NetConn()
		}
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}
}

// sendSlowly writes a text, and then another one over and over, a byte every 50 ms.
func sendSlowly(text, again string) script {
	return func(ctx context.Context, conn net.Conn) {
		_, err := io.WriteString(conn, text)
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for i := 0; err == nil && ctx.Err() == nil; i++ {
			_, err = io.WriteString(conn, again[i%len(again):][:1])
			select {
			case <-ticker.C:
			case <-ctx.Done():
			}
		}
	}
}

// requesting sends the requests in turn, each on a connection of its own.
func (s *target) requesting(c attacker, requests ...string) try {
	return func(ctx context.Context, n int) []byte {
		return s.run(ctx, c, sendText(requests[n%len(requests)]))
	}
}

// running runs the scripts in turn.
func (s *target) running(c attacker, scripts ...script) try {
	return func(ctx context.Context, n int) []byte { return s.run(ctx, c, scripts[n%len(scripts)]) }
}

// presentingEach sends the request with each certificate in turn.
func (s *target) presentingEach(from string, request string, shown ...*tls.Certificate) try {
	return func(ctx context.Context, n int) []byte {
		return s.run(ctx, attacker{from: from, shown: shown[n%len(shown)]}, sendText(request))
	}
}

// giveUpAfter runs a script for a time, and then closes its side of the connection.
func giveUpAfter(after time.Duration, script script) script {
	return func(ctx context.Context, conn net.Conn) {
		ctx, cancel := context.WithTimeout(ctx, after)
		defer cancel()
		script(ctx, conn)
		_ = conn.(interface{ CloseWrite() error }).CloseWrite() // it may be closed already
	}
}
