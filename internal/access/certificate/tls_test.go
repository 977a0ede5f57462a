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

// welcome is what the door of the tests says to whom it expects; to others it says the problem.
const welcome = "welcome"

// door is a server that asks for client certificates.
type door struct {
	tb      testing.TB
	address string
	clients atomic.Pointer[certificate.Clients]
}

// open makes a door and opens it, on a port of its own.
func open(tb testing.TB, clients *certificate.Clients) *door {
	tb.Helper()
	d := &door{tb: tb}
	d.clients.Store(clients)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	d.address = listener.Addr().String()
	server := &http.Server{Handler: d, ReadHeaderTimeout: time.Minute, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	go func() { _ = server.Serve(tls.NewListener(listener, serverCertificate(tb).TLS(clients))) }()
	tb.Cleanup(func() { _ = server.Close() })
	return d
}

// serverCertificate is one of the authority for the loopback address.
func serverCertificate(tb testing.TB) *certificate.Server {
	tb.Helper()
	a := theAuthority()
	s := a.leaf(func(c *x509.Certificate) {
		c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	})
	folder := tb.TempDir()
	certFile, keyFile := filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key")
	writeFile(tb, certFile, certificate.EncodePEM(s.Chain(a.lower)))
	writeFile(tb, keyFile, s.KeyPEM())
	certificate, err := certificate.LoadServer(certFile, keyFile, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	return certificate
}

// ServeHTTP implements http.Handler.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	clients := d.clients.Load()
	shown, err := clients.Shown(r)
	if err == nil {
		err = clients.Check(shown, time.Now())
	}
	w.Header().Set("Resumed", fmt.Sprint(r.TLS.DidResume))
	if err != nil {
		_, _ = io.WriteString(w, err.Error())
		return
	}
	_, _ = io.WriteString(w, welcome)
}

// answer is what the door said.
type answer struct {
	text    string
	resumed bool
}

// config is that of a client, which shows a certificate, when there is one, whatever it is asked for.
func config(shown *tls.Certificate) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(theAuthority().root.Certificate)
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

// knock makes a request on a new connection.
func (d *door) knock(c *tls.Config) (answer, error) {
	transport := &http.Transport{TLSClientConfig: c, DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "https://"+d.address, nil)
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

// requireAnswer fails unless the door says what is wanted, on every version of TLS that it speaks.
func (d *door) requireAnswer(shown *tls.Certificate, want string) {
	d.tb.Helper()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		c := config(shown)
		c.MinVersion, c.MaxVersion = version, version
		got, err := d.knock(c)
		if err != nil || !strings.Contains(got.text, want) {
			d.tb.Errorf("%s: got %q, %v, want %q", tls.VersionName(version), got.text, err, want)
		}
	}
}

func TestPinnedCertificates(t *testing.T) {
	t.Parallel()
	a := theAuthority()
	first, second := a.leaf(nil), certificatetest.Sign(template(nil), nil)
	old, unborn := a.leaf(ended), a.leaf(early)
	d := open(t, byPin(t, first, second, old, unborn))
	for _, test := range []struct {
		name  string
		shown *tls.Certificate
		want  string
	}{
		{"pinned", first.Shown(), welcome},
		{"pinned with a chain that nobody needs", first.Shown(a.lower, a.root), welcome},
		{"the second one, signed by itself, during a change", second.Shown(), welcome},
		{"none", nil, "no client certificate was shown"},
		{"pinned but ended", old.Shown(), "has ended on "},
		{"pinned but not valid yet", unborn.Shown(), "is not valid before "},
		{"same subject and issuer, another key", a.leaf(nil).Shown(a.lower), "is not expected"},
		{"signed by itself with the same subject", certificatetest.Sign(template(nil), nil).Shown(), "is not expected"},
		{"the pinned one only as an intermediate", a.leaf(nil).Shown(first), "is not expected"},
		{"the CA that signed the pinned one", a.lower.Shown(), "is not expected"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := &door{tb: t, address: d.address}
			d.requireAnswer(test.shown, test.want)
		})
	}
}

func TestCertificatesOfCAs(t *testing.T) {
	t.Parallel()
	a, other, twin := theAuthority(), anotherOfItsOwn(), namesake()
	expired := certificatetest.Sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "Expired CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(-time.Hour),
	}, &a.root)
	usage := func(usages ...x509.ExtKeyUsage) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtKeyUsage = usages }
	}
	noCA := a.leaf(nil)
	d := open(t, bySubject(t, sender))
	for _, test := range []struct {
		name  string
		shown *tls.Certificate
		want  string
	}{
		{"with its intermediate", a.leaf(nil).Shown(a.lower), welcome},
		{"with more than it needs, in another order", a.leaf(nil).Shown(other.lower, other.root, a.root, a.lower), welcome},
		{"for servers only", a.leaf(usage(x509.ExtKeyUsageServerAuth)).Shown(a.lower), welcome},
		{"for any use", a.leaf(usage()).Shown(a.lower), welcome},
		{"of the root itself", certificatetest.Sign(template(nil), &a.root).Shown(), welcome},
		{"none", nil, "no client certificate was shown"},
		{"without its intermediate", a.leaf(nil).Shown(), "is signed by none of the CAs"},
		{"of another CA", other.leaf(nil).Shown(other.lower, other.root), "is signed by none of the CAs"},
		{"of a CA of the same name", twin.leaf(nil).Shown(twin.lower, twin.root), "is signed by none of the CAs"},
		{"of a CA of the same name, with the right one", twin.leaf(nil).Shown(a.lower), "is signed by none of the CAs"},
		{"signed by itself", certificatetest.Sign(template(nil), nil).Shown(), "is signed by none of the CAs"},
		{
			"signed by another client", certificatetest.Sign(template(nil), &noCA).Shown(noCA, a.lower),
			"is signed by none of the CAs",
		},
		{"for signing code", a.leaf(usage(x509.ExtKeyUsageCodeSigning)).Shown(a.lower), "is neither for TLS clients nor"},
		{"ended", a.leaf(ended).Shown(a.lower), "has ended on "},
		{"not valid yet", a.leaf(early).Shown(a.lower), "is not valid before "},
		{"of a CA that has ended", certificatetest.Sign(template(nil), &expired).Shown(expired), `not valid at this time: "CN=Expired CA"`},
		{"ten others", a.leaf(nil).Shown(a.lower, a.root, a.root, a.root, a.root, a.root, a.root, a.root, a.root, a.root),
			"11 certificates were shown, more than 10"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := &door{tb: t, address: d.address}
			d.requireAnswer(test.shown, test.want)
		})
	}
}

func TestPinsAndCAsTogether(t *testing.T) {
	t.Parallel()
	a, pinned := theAuthority(), anotherOfItsOwn().leaf(nil)
	clients := expect(t, certificate.ClientsConfig{
		CAFile: a.file(t), Subjects: []string{sender}, Fingerprints: []string{pinned.Fingerprint()},
	})
	d := open(t, clients)
	d.requireAnswer(pinned.Shown(), welcome)
	d.requireAnswer(a.leaf(nil).Shown(a.lower), welcome)
	d.requireAnswer(anotherOfItsOwn().leaf(nil).Shown(), "is signed by none of the CAs")
}

// Without any expectation, report mode tells what is shown.
func TestNothingExpectedAcceptsNothing(t *testing.T) {
	t.Parallel()
	s := theAuthority().leaf(nil)
	d := open(t, byPin(t))
	d.requireAnswer(s.Shown(), s.Fingerprint())
	d.requireAnswer(nil, "no client certificate was shown")
}

func TestTheKeyOfAShownCertificateIsProven(t *testing.T) {
	t.Parallel()
	pinned, own := theAuthority().leaf(nil), theAuthority().leaf(nil)
	d := open(t, byPin(t, pinned))
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		shown := pinned.Shown()
		shown.PrivateKey = pretender{pinned.Key.Public(), own.Key}
		c := config(shown)
		c.MinVersion, c.MaxVersion = version, version
		if got, err := d.knock(c); err == nil {
			t.Errorf("%s: got %q with a key that is not the certificate's, want no connection", tls.VersionName(version),
				got.text)
		}
	}
}

func TestAResumedSessionIsCheckedAnew(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		pinned, next := theAuthority().leaf(nil), theAuthority().leaf(nil)
		d := open(t, byPin(t, pinned))
		c := config(pinned.Shown())
		c.MinVersion, c.MaxVersion = version, version
		c.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		for _, want := range []answer{{welcome, false}, {welcome, true}} {
			if got, err := d.knock(c); err != nil || got != want {
				t.Fatalf("%s: got %+v, %v, want %+v", tls.VersionName(version), got, err, want)
			}
		}
		d.clients.Store(byPin(t, next)) // the pin is removed: its ticket must be of no use
		got, err := d.knock(c)
		if err != nil || !got.resumed || !strings.Contains(got.text, "is not expected") {
			t.Errorf("%s: got %+v, %v of a resumed session, want it refused", tls.VersionName(version), got, err)
		}
	}
}

func TestOldVersionsAndHTTP2AreNotSpoken(t *testing.T) {
	t.Parallel()
	d := open(t, byPin(t))
	dial := func(change func(*tls.Config)) (tls.ConnectionState, error) {
		c := config(nil)
		change(c)
		conn, err := tls.Dial("tcp", d.address, c)
		if err != nil {
			return tls.ConnectionState{}, err
		}
		return conn.ConnectionState(), conn.Close()
	}
	_, err := dial(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 })
	if err == nil || !strings.Contains(err.Error(), "remote error: tls: protocol version not supported") {
		t.Errorf("got %v with TLS 1.1, want it refused", err)
	}
	state, err := dial(func(c *tls.Config) { c.NextProtos = []string{"h2", "http/1.1"} })
	if err != nil || state.NegotiatedProtocol != "http/1.1" {
		t.Errorf("got %q, %v, want http/1.1", state.NegotiatedProtocol, err)
	}
	if state, err = dial(func(c *tls.Config) { c.NextProtos = []string{"h2"} }); err == nil {
		t.Errorf("got %q from a client that speaks HTTP/2 only, want no connection", state.NegotiatedProtocol)
	}
	if state, err = dial(func(*tls.Config) {}); err != nil || state.NegotiatedProtocol != "" {
		t.Errorf("got %q, %v from a client that names no protocol, want a connection", state.NegotiatedProtocol, err)
	}
}

// A client that is told of CAs may keep a certificate of others to itself, though it is pinned.
func TestCAsAreNamedToClientsUnlessSomeArePinned(t *testing.T) {
	t.Parallel()
	a := theAuthority()
	pinned := certificate.ClientsConfig{
		CAFile: a.file(t), Subjects: []string{sender}, Fingerprints: []string{a.leaf(nil).Fingerprint()},
	}
	for _, test := range []struct {
		name    string
		clients *certificate.Clients
		want    int
	}{
		{"CAs", bySubject(t, sender), 1},
		{"CAs and pins", expect(t, pinned), 0},
		{"pins", byPin(t, a.leaf(nil)), 0},
	} {
		asked, c := -1, config(nil)
		c.GetClientCertificate = func(r *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			asked = len(r.AcceptableCAs)
			return &tls.Certificate{}, nil
		}
		if _, err := open(t, test.clients).knock(c); err != nil || asked != test.want {
			t.Errorf("%s: got %d CAs, %v, want %d", test.name, asked, err, test.want)
		}
	}
}

func TestNoCertificateIsAskedForWhenNoneIsLookedAt(t *testing.T) {
	t.Parallel()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", serverCertificate(t).TLS(nil))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		if conn, err := listener.Accept(); err == nil {
			_, _ = io.WriteString(conn, welcome)
			_ = conn.Close()
		}
	}()
	asked, c := false, config(nil)
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		asked = true
		return &tls.Certificate{}, nil
	}
	conn, err := tls.Dial("tcp", listener.Addr().String(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.ReadAll(conn); err != nil || asked {
		t.Errorf("got asked: %t, %v, want no question", asked, err)
	}
}
