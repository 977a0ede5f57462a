package e2e_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"time"
)

// attack is a way to wear the inbox out, or to get past its doors.
type attack struct {
	name    string
	workers int
	every   time.Duration // how often each worker tries; as fast as suits the test when 0
	try     try
}

// try is the n-th time that an attack is tried; it gives all that the inbox said.
type try func(ctx context.Context, n int) (received []byte)

// attacker is where an attack comes from, and what it shows.
type attacker struct {
	from  string
	plain bool             // without TLS
	shown *tls.Certificate // none when nil
}

// script is what is said on a connection, until the context ends or the inbox hangs up.
type script func(ctx context.Context, conn net.Conn)

// call connects and scripts. It listens until the inbox has hung up or the context ends.
func (s *target) run(ctx context.Context, c attacker, script script) (received []byte) {
	ctx, end := context.WithCancel(ctx)
	defer end()
	conn, err := s.connect(ctx, c)
	if err != nil {
		return nil // as when there are too many connections
	}
	defer conn.Close()
	var wait sync.WaitGroup
	wait.Go(func() { script(ctx, conn) })
	received, _ = io.ReadAll(io.LimitReader(conn, 1<<20)) // how it ended is not for an attacker to say
	end()
	wait.Wait()
	return received
}

// connect opens a connection that ends with the context.
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

// say writes a text and ends its side.
func sendText(text string) script {
	return func(_ context.Context, conn net.Conn) {
		_, _ = io.WriteString(conn, text) // the inbox may have had enough before
		_ = conn.(interface{ CloseWrite() error }).CloseWrite()
	}
}

// waitAfter writes a text and then nothing.
func sendAndWait(text string) script {
	return func(_ context.Context, conn net.Conn) { _, _ = io.WriteString(conn, text) }
}

// resetAfter writes a text and breaks the connection.
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

// slowly writes a text, and then another one over and over, a byte at a time.
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

// asking tries one request after the other, each on a connection of its own.
func (s *target) requesting(c attacker, requests ...string) try {
	return func(ctx context.Context, n int) []byte { return s.run(ctx, c, sendText(requests[n%len(requests)])) }
}

// talking tries one way to script after the other.
func (s *target) running(c attacker, scripts ...script) try {
	return func(ctx context.Context, n int) []byte { return s.run(ctx, c, scripts[n%len(scripts)]) }
}

// presentingEach tries one certificate after the other with the same request.
func (s *target) presentingEach(from string, request string, shown ...*tls.Certificate) try {
	return func(ctx context.Context, n int) []byte {
		return s.run(ctx, attacker{from: from, shown: shown[n%len(shown)]}, sendText(request))
	}
}

// givingUp scripts for a time, and then ends its side of the connection.
func giveUpAfter(after time.Duration, script script) script {
	return func(ctx context.Context, conn net.Conn) {
		ctx, cancel := context.WithTimeout(ctx, after)
		defer cancel()
		script(ctx, conn)
		_ = conn.(interface{ CloseWrite() error }).CloseWrite() // it may be closed already
	}
}
