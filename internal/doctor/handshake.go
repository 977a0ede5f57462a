package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"sync"

	"ackbox/simulate"
)

// handshake is the result of a TLS handshake with one version of the protocol.
type handshake struct {
	version uint16
	state   tls.ConnectionState
	asked   bool // the listener requested a client certificate
	err     error
}

// checkTLS checks which versions the listener supports: Salesforce requires 1.2 or newer.
func (e *examination) checkTLS(ctx context.Context) Check {
	if !e.secure() {
		return Check{
			Status: Warn, Found: "plain http: the URL's secret and all data are sent unencrypted",
			Todo: "Salesforce accepts http, for tests; for real data, listen with TLS and put https:// " +
				"into Setup",
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

// spoken returns the check of a listener that supports a version that Salesforce accepts.
func (e *examination) spoken(current, old []string) Check {
	check := pass("%s", strings.Join(append(current, old...), ", "))
	if len(old) > 0 {
		check.Status = Warn
		check.Todo = "turn off " + strings.Join(old, " and ") +
			": not needed by Salesforce, and not secure"
	}
	switch {
	case e.shown.asked && e.Certificate == nil:
		check.Found += "; requests a client certificate, none was presented"
	case e.shown.asked:
		check.Found += "; requests a client certificate, one was presented"
	}
	return check
}

// noTLS returns the check of a listener with which no handshake succeeded that Salesforce could
// make.
func (e *examination) noTLS(tried []handshake, old []string) Check {
	h := tried[1] // TLS 1.2, the most widely supported
	check := Check{Status: Fail, Salesforce: simulate.ReasonTLS}
	switch {
	case len(old) > 0:
		check.Found, check.Salesforce = "only "+strings.Join(old, ", "), reasonProtocol
		check.Todo = "turn on TLS 1.2 and 1.3: Salesforce requires one of them"
	case isHTTP(h.err):
		check.Found, check.Salesforce = "the port speaks plain HTTP, the URL says https", reasonNotTLS
		check.Todo = "let the listener, or a proxy in front of it, speak TLS on this port; or put " +
			"the port that does, or http://, into the URL"
	case h.asked && e.Certificate == nil:
		check.Found = wantsCertificate
		check.Salesforce, check.Todo = "", wantsCertificateTodo
	case isTimeout(h.err):
		check.Found, check.Salesforce = "no answer within "+e.Timeout.String(), simulate.ReasonTimeout
		check.Todo = "check that the port is the one that speaks TLS, and that the listener responds"
	case alertOf(h.err) != "":
		check.Found, check.Salesforce = "the listener ends the handshake: "+alertOf(h.err), reasonAlert
		check.Todo = "check its certificate, key and cipher suites, and its log; it may also reject " +
			"this host name (SNI)"
	case simulate.IsClosed(h.err):
		check.Found, check.Salesforce = "the listener closes the connection during the handshake",
			reasonTerminated
		check.Todo = "check that the port is the one that speaks TLS, and that the listener has a " +
			"certificate"
	default:
		check.Found, check.Todo = "the port does not speak TLS", "check that it is the listener's port"
	}
	return check
}

const (
	wantsCertificate     = "the listener requires a client certificate, and none was presented"
	wantsCertificateTodo = "Salesforce presents its own (Setup > Certificate and Key Management): " +
		"to check further, give one that the listener accepts with --client-cert"
)

// handshakes makes a handshake with each version, concurrently.
func (e *examination) handshakes(ctx context.Context, versions ...uint16) []handshake {
	all := make([]handshake, len(versions))
	var group sync.WaitGroup
	for i, version := range versions {
		group.Go(func() { all[i] = e.handshake(ctx, version) })
	}
	group.Wait()
	return all
}

// handshake connects and completes a handshake, no more. It accepts any certificate, in order to
// see it. Whether it is trusted is checked later, before anything of the URL is sent.
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
		config.CipherSuites = append(config.CipherSuites, suite.ID) // only the version is checked here
	}
	secured := tls.Client(conn, config)
	h.err = secured.HandshakeContext(ctx)
	h.state = secured.ConnectionState()
	return h
}

// clientCertificate returns the client certificate, or an empty one, which presents none: the
// listener may not require it.
func (e *examination) clientCertificate() *tls.Certificate {
	if e.Certificate == nil {
		return new(tls.Certificate)
	}
	return e.Certificate
}

// isHTTP reports whether a ClientHello was answered with HTTP.
func isHTTP(err error) bool {
	var record tls.RecordHeaderError
	return errors.As(err, &record) && strings.HasPrefix(string(record.RecordHeader[:]), "HTTP")
}

// alertOf returns crypto/tls's text for the alert with which the listener ended a connection, or ""
// for another error.
func alertOf(err error) string {
	var operation *net.OpError
	if errors.As(err, &operation) && operation.Op == "remote error" {
		return operation.Err.Error()
	}
	return ""
}

// speaksTLS reports whether a port to which plain HTTP was sent speaks TLS.
func (e *examination) speaksTLS(ctx context.Context) bool {
	for _, h := range e.handshakes(ctx, tls.VersionTLS13, tls.VersionTLS12) {
		if h.err == nil || h.asked {
			return true
		}
	}
	return false
}
