package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"

	"ackbox/simulate"
)

// handshake is what came of one TLS handshake, in one version of the protocol.
type handshake struct {
	version uint16
	state   tls.ConnectionState
	asked   bool // for a client certificate
	err     error
}

// checkTLS finds out which versions the listener speaks: Salesforce requires 1.2 or newer.
func (e *examination) checkTLS(ctx context.Context) Check {
	if !e.secure() {
		return Check{
			Status: Warn, Found: "plain http: the URL's secret and all data travel in clear",
			Todo: "Salesforce takes http, for a test; for real data listen with TLS and put https:// into Setup",
		}
	}
	tried := e.handshakes(ctx, tls.VersionTLS13, tls.VersionTLS12, tls.VersionTLS11, tls.VersionTLS10)
	var current, old []string
	for i := range tried {
		h := &tried[i]
		switch {
		case h.err != nil:
		case h.version < tls.VersionTLS12:
			old = append(old, tls.VersionName(h.version))
		default:
			current = append(current, tls.VersionName(h.version))
			if e.shown == nil {
				e.shown = h
			}
		}
	}
	if e.shown == nil {
		return e.block("there is no TLS connection", e.noTLS(tried, old))
	}
	e.read()
	return e.spoken(current, old)
}

// spoken is the check of a listener that speaks what Salesforce needs.
func (e *examination) spoken(current, old []string) Check {
	check := pass("%s", strings.Join(append(current, old...), ", "))
	if len(old) > 0 {
		check.Status = Warn
		check.Todo = "turn off " + strings.Join(old, " and ") + ": Salesforce does not need it, and it is no longer safe"
	}
	switch {
	case e.shown.asked && e.Certificate == nil:
		check.Found += "; asks for a client certificate, none was shown"
	case e.shown.asked:
		check.Found += "; asks for a client certificate, it was shown"
	}
	return check
}

// noTLS says why there was no handshake that Salesforce could have made.
func (e *examination) noTLS(tried []handshake, old []string) Check {
	h := tried[1] // TLS 1.2, which everybody has had for longest
	check := Check{Status: Fail, Salesforce: simulate.ReasonTLS}
	switch {
	case len(old) > 0:
		check.Found, check.Salesforce = "only "+strings.Join(old, ", "), wordsProtocol
		check.Todo = "turn on TLS 1.2 and 1.3: Salesforce requires one of them"
	case isHTTP(h.err):
		check.Found, check.Salesforce = "the port speaks plain HTTP, the URL says https", wordsNotTLS
		check.Todo = "let the listener, or a proxy before it, speak TLS on this port; or put the port that does, " +
			"or http://, into the URL"
	case h.asked && e.Certificate == nil:
		check.Found = wantsCertificate
		check.Salesforce, check.Todo = "", wantsCertificateTodo
	case isTimeout(h.err):
		check.Found, check.Salesforce = "nothing came within "+e.Timeout.String(), simulate.ReasonTimeout
		check.Todo = "check that the port is the one that speaks TLS, and that the listener is alive"
	case alertOf(h.err) != "":
		check.Found, check.Salesforce = "the listener ends the handshake: "+alertOf(h.err), wordsAlert
		check.Todo = "check its certificate, key and cipher suites, and its log; it may also refuse this host name (SNI)"
	case isClosed(h.err):
		check.Found, check.Salesforce = "the listener closes the connection in the handshake", wordsTerminated
		check.Todo = "check that the port is the one that speaks TLS, and that the listener has a certificate"
	default:
		check.Found, check.Todo = "what the port speaks is no TLS", "check that the port is the listener's"
	}
	return check
}

const (
	wantsCertificate     = "the listener wants a client certificate, and was shown none"
	wantsCertificateTodo = "Salesforce shows its own (Setup > Certificate and Key Management): to get further from " +
		"here, give one that the listener takes with --client-cert"
)

// handshakes makes a handshake in each version, all at once.
func (e *examination) handshakes(ctx context.Context, versions ...uint16) []handshake {
	all := make([]handshake, len(versions))
	var group sync.WaitGroup
	for i, version := range versions {
		group.Go(func() { all[i] = e.handshake(ctx, version) })
	}
	group.Wait()
	return all
}

// handshake connects and does nothing else. It takes any certificate, as it is there to see them; what is trusted is
// decided later, before anything of the URL is sent.
func (e *examination) handshake(ctx context.Context, version uint16) handshake {
	h := handshake{version: version}
	ctx, cancel := context.WithTimeout(ctx, e.Timeout)
	defer cancel()
	var conn net.Conn
	if conn, h.err = e.dial(ctx); h.err != nil {
		return h
	}
	defer conn.Close()
	config := &tls.Config{
		ServerName: e.host, MinVersion: version, MaxVersion: version, InsecureSkipVerify: true, //nolint:gosec // see above
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			h.asked = true
			return e.clientCertificate(), nil
		},
	}
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		config.CipherSuites = append(config.CipherSuites, suite.ID) // only the version is asked for here
	}
	secured := tls.Client(conn, config)
	h.err = secured.HandshakeContext(ctx)
	h.state = secured.ConnectionState()
	return h
}

// clientCertificate is an empty one when there is none: the listener may do without.
func (e *examination) clientCertificate() *tls.Certificate {
	if e.Certificate == nil {
		return new(tls.Certificate)
	}
	return e.Certificate
}

// isHTTP tells whether a ClientHello was answered with HTTP.
func isHTTP(err error) bool {
	var record tls.RecordHeaderError
	return errors.As(err, &record) && strings.HasPrefix(string(record.RecordHeader[:]), "HTTP")
}

// alertOf gives crypto/tls's words for the alert that the listener ended a connection with, "" for another error.
func alertOf(err error) string {
	var operation *net.OpError
	if errors.As(err, &operation) && operation.Op == "remote error" {
		return operation.Err.Error()
	}
	return ""
}

func isClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// speaksTLS tells whether a port that was spoken to in plain HTTP is one for TLS.
func (e *examination) speaksTLS(ctx context.Context) bool {
	for _, h := range e.handshakes(ctx, tls.VersionTLS13, tls.VersionTLS12) {
		if h.err == nil || h.asked {
			return true
		}
	}
	return false
}
