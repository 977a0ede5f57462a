package certificate_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ackbox/internal/access/certificate"
	"ackbox/internal/access/certificate/certificatetest"
)

// accepted is the answer of the test server to expected clients. The answer to others is the
// problem.
const accepted = "OK"

// server is a test server that requests client certificates.
type server struct {
	tb      testing.TB
	address string
	clients atomic.Pointer[certificate.Clients]
}

// startServer starts a server on a port of its own.
func startServer(tb testing.TB, clients *certificate.Clients) *server {
	tb.Helper()
	s := &server{tb: tb}
	s.clients.Store(clients)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s.address = listener.Addr().String()
	h := &http.Server{
		Handler: s, ReadHeaderTimeout: time.Minute, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0),
	}
	go func() { _ = h.Serve(tls.NewListener(listener, serverCertificate(tb).TLS(clients))) }()
	tb.Cleanup(func() { _ = h.Close() })
	return s
}

// serverCertificate returns a certificate of testCA for the loopback address.
func serverCertificate(tb testing.TB) *certificate.Server {
	tb.Helper()
	a := testCA()
	s := a.leaf(func(c *x509.Certificate) {
		c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	})
	folder := tb.TempDir()
	certFile, keyFile := filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key")
	writeFile(tb, certFile, certificate.EncodePEM(s.Chain(a.issuer)))
	writeFile(tb, keyFile, s.KeyPEM())
	certificate, err := certificate.LoadServer(certFile, keyFile, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	return certificate
}

// ServeHTTP implements http.Handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	clients := s.clients.Load()
	shown, err := clients.Shown(r)
	if err == nil {
		err = clients.Check(shown, time.Now())
	}
	w.Header().Set("Resumed", fmt.Sprint(r.TLS.DidResume))
	if err != nil {
		_, _ = io.WriteString(w, err.Error())
		return
	}
	_, _ = io.WriteString(w, accepted)
}

// answer is the answer of the server.
type answer struct {
	text    string
	resumed bool
}

// config returns the configuration of a client that sends a certificate, if it is not nil, whatever
// the server requests.
func config(shown *tls.Certificate) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(testCA().root.Certificate)
	return &tls.Config{
		RootCAs: roots,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if shown == nil {
				return &tls.Certificate{}, nil
			}
			return shown, nil
		},
	}
}

// request sends a request on a new connection.
func (s *server) request(c *tls.Config) (answer, error) {
	transport := &http.Transport{TLSClientConfig: c, DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	url := "https://" + s.address
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, nil)
	if err != nil {
		return answer{}, err
	}
	response, err := transport.RoundTrip(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answer{string(text), response.Header.Get("Resumed") == "true"}, err
}

// requireAnswer fails unless the answer contains a text with each version of TLS.
func (s *server) requireAnswer(shown *tls.Certificate, want string) {
	s.tb.Helper()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		c := config(shown)
		c.MinVersion, c.MaxVersion = version, version
		got, err := s.request(c)
		if err != nil || !strings.Contains(got.text, want) {
			s.tb.Errorf("%s: got %q, %v, want %q", tls.VersionName(version), got.text, err, want)
		}
	}
}

func TestPinnedCertificates(t *testing.T) {
	t.Parallel()
	a := testCA()
	first, second := a.leaf(nil), certificatetest.Sign(template(nil), nil)
	old, notYetValid := a.leaf(expired), a.leaf(future)
	s := startServer(t, byPin(t, first, second, old, notYetValid))
	for _, test := range []struct {
		name  string
		shown *tls.Certificate
		want  string
	}{
		{"pinned", first.Shown(), accepted},
		{"pinned with a chain that is not needed", first.Shown(a.issuer, a.root), accepted},
		{"second pin, self-signed, during a change", second.Shown(), accepted},
		{"none", nil, "no client certificate was shown"},
		{"pinned but expired", old.Shown(), "has ended on "},
		{"pinned but not valid yet", notYetValid.Shown(), "is not valid before "},
		{"same subject and issuer, another key", a.leaf(nil).Shown(a.issuer), "is not expected"},
		{"self-signed with the same subject", certificatetest.Sign(template(nil), nil).Shown(), "is not expected"},
		{"pinned only as an intermediate", a.leaf(nil).Shown(first), "is not expected"},
		{"the CA that signed the pinned one", a.issuer.Shown(), "is not expected"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := &server{tb: t, address: s.address}
			s.requireAnswer(test.shown, test.want)
		})
	}
}

func TestCertificatesOfCAs(t *testing.T) {
	t.Parallel()
	a, other, sameName := testCA(), otherCA(), sameNameCA()
	expiredCA := certificatetest.Sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "Expired CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(-time.Hour),
	}, &a.root)
	usage := func(usages ...x509.ExtKeyUsage) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtKeyUsage = usages }
	}
	noCA := a.leaf(nil)
	s := startServer(t, bySubject(t, sender))
	for _, test := range []struct {
		name  string
		shown *tls.Certificate
		want  string
	}{
		{"with its intermediate", a.leaf(nil).Shown(a.issuer), accepted},
		{
			"with others that are not needed, in another order",
			a.leaf(nil).Shown(other.issuer, other.root, a.root, a.issuer), accepted,
		},
		{"for servers only", a.leaf(usage(x509.ExtKeyUsageServerAuth)).Shown(a.issuer), accepted},
		{"for any use", a.leaf(usage()).Shown(a.issuer), accepted},
		{"of the root itself", certificatetest.Sign(template(nil), &a.root).Shown(), accepted},
		{"none", nil, "no client certificate was shown"},
		{"without its intermediate", a.leaf(nil).Shown(), "is signed by none of the CAs"},
		{"of another CA", other.leaf(nil).Shown(other.issuer, other.root), "is signed by none of the CAs"},
		{
			"of a CA of the same name", sameName.leaf(nil).Shown(sameName.issuer, sameName.root),
			"is signed by none of the CAs",
		},
		{
			"of a CA of the same name, with the right one", sameName.leaf(nil).Shown(a.issuer),
			"is signed by none of the CAs",
		},
		{"self-signed", certificatetest.Sign(template(nil), nil).Shown(), "is signed by none of the CAs"},
		{
			"signed by another client", certificatetest.Sign(template(nil), &noCA).Shown(noCA, a.issuer),
			"is signed by none of the CAs",
		},
		{"for signing code", a.leaf(usage(x509.ExtKeyUsageCodeSigning)).Shown(a.issuer), "is neither for TLS clients nor"},
		{"expired", a.leaf(expired).Shown(a.issuer), "has ended on "},
		{"not valid yet", a.leaf(future).Shown(a.issuer), "is not valid before "},
		{
			"of an expired CA", certificatetest.Sign(template(nil), &expiredCA).Shown(expiredCA),
			`not valid at this time: "CN=Expired CA"`,
		},
		{"ten others", a.leaf(nil).Shown(a.issuer, a.root, a.root, a.root, a.root, a.root, a.root, a.root, a.root, a.root),
			"11 certificates were shown, more than 10"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := &server{tb: t, address: s.address}
			s.requireAnswer(test.shown, test.want)
		})
	}
}

func TestPinsAndCAs(t *testing.T) {
	t.Parallel()
	a, pinned := testCA(), otherCA().leaf(nil)
	clients := newClients(t, certificate.ClientsConfig{
		CAFile: a.file(t), Subjects: []string{sender}, Fingerprints: []string{pinned.Fingerprint()},
	})
	s := startServer(t, clients)
	s.requireAnswer(pinned.Shown(), accepted)
	s.requireAnswer(a.leaf(nil).Shown(a.issuer), accepted)
	s.requireAnswer(otherCA().leaf(nil).Shown(), "is signed by none of the CAs")
}

// With an empty configuration, report mode reports the fingerprints.
func TestEmptyConfigurationAcceptsNothing(t *testing.T) {
	t.Parallel()
	leaf := testCA().leaf(nil)
	s := startServer(t, byPin(t))
	s.requireAnswer(leaf.Shown(), leaf.Fingerprint())
	s.requireAnswer(nil, "no client certificate was shown")
}

func TestTheKeyOfAShownCertificateIsProven(t *testing.T) {
	t.Parallel()
	pinned, own := testCA().leaf(nil), testCA().leaf(nil)
	s := startServer(t, byPin(t, pinned))
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		shown := pinned.Shown()
		shown.PrivateKey = wrongKey{pinned.Key.Public(), own.Key}
		c := config(shown)
		c.MinVersion, c.MaxVersion = version, version
		if got, err := s.request(c); err == nil {
			t.Errorf("%s: got %q with another key, want no connection", tls.VersionName(version),
				got.text)
		}
	}
}

func TestAResumedSessionIsCheckedAnew(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		pinned, next := testCA().leaf(nil), testCA().leaf(nil)
		s := startServer(t, byPin(t, pinned))
		c := config(pinned.Shown())
		c.MinVersion, c.MaxVersion = version, version
		c.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		for _, want := range []answer{{accepted, false}, {accepted, true}} {
			if got, err := s.request(c); err != nil || got != want {
				t.Fatalf("%s: got %+v, %v, want %+v", tls.VersionName(version), got, err, want)
			}
		}
		s.clients.Store(byPin(t, next)) // removes the pin, so the session must not help
		got, err := s.request(c)
		if err != nil || !got.resumed || !strings.Contains(got.text, "is not expected") {
			t.Errorf("%s: got %+v, %v of a resumed session, want it rejected",
				tls.VersionName(version), got, err)
		}
	}
}

func TestOldVersionsAndHTTP2AreNotSpoken(t *testing.T) {
	t.Parallel()
	s := startServer(t, byPin(t))
	dial := func(change func(*tls.Config)) (tls.ConnectionState, error) {
		c := config(nil)
		change(c)
		conn, err := tls.Dial("tcp", s.address, c)
		if err != nil {
			return tls.ConnectionState{}, err
		}
		return conn.ConnectionState(), conn.Close()
	}
	const unsupported = "remote error: tls: protocol version not supported"
	_, err := dial(func(c *tls.Config) {
		c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	})
	if err == nil || !strings.Contains(err.Error(), unsupported) {
		t.Errorf("got %v with TLS 1.1, want it rejected", err)
	}
	state, err := dial(func(c *tls.Config) { c.NextProtos = []string{"h2", "http/1.1"} })
	if err != nil || state.NegotiatedProtocol != "http/1.1" {
		t.Errorf("got %q, %v, want http/1.1", state.NegotiatedProtocol, err)
	}
	if state, err = dial(func(c *tls.Config) { c.NextProtos = []string{"h2"} }); err == nil {
		t.Errorf("got %q from a client with only HTTP/2, want no connection", state.NegotiatedProtocol)
	}
	if state, err = dial(func(*tls.Config) {}); err != nil || state.NegotiatedProtocol != "" {
		t.Errorf("got %q, %v from a client without ALPN, want a connection",
			state.NegotiatedProtocol, err)
	}
}

// A client may not send a pinned certificate if the handshake names only other CAs.
func TestHandshakeNamesCAsUnlessPinsAreSet(t *testing.T) {
	t.Parallel()
	a := testCA()
	pinned := certificate.ClientsConfig{
		CAFile: a.file(t), Subjects: []string{sender}, Fingerprints: []string{a.leaf(nil).Fingerprint()},
	}
	for _, test := range []struct {
		name    string
		clients *certificate.Clients
		want    int
	}{
		{"CAs", bySubject(t, sender), 1},
		{"CAs and pins", newClients(t, pinned), 0},
		{"pins", byPin(t, a.leaf(nil)), 0},
	} {
		requested, c := -1, config(nil)
		c.GetClientCertificate = func(r *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			requested = len(r.AcceptableCAs)
			return &tls.Certificate{}, nil
		}
		if _, err := startServer(t, test.clients).request(c); err != nil || requested != test.want {
			t.Errorf("%s: got %d CAs, %v, want %d", test.name, requested, err, test.want)
		}
	}
}

func TestNoClientCertificateIsRequestedWithoutClients(t *testing.T) {
	t.Parallel()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", serverCertificate(t).TLS(nil))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		if conn, err := listener.Accept(); err == nil {
			_, _ = io.WriteString(conn, accepted)
			_ = conn.Close()
		}
	}()
	requested, c := false, config(nil)
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		requested = true
		return &tls.Certificate{}, nil
	}
	conn, err := tls.Dial("tcp", listener.Addr().String(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.ReadAll(conn); err != nil || requested {
		t.Errorf("got requested: %t, %v, want no request", requested, err)
	}
}
