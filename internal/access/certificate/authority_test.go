package certificate_test

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"ackbox/internal/access/certificate"
	"ackbox/internal/access/certificate/certificatetest"
)

// authority is a root CA and an intermediate CA, which signs the certificates of clients and
// servers.
type authority struct{ root, issuer certificatetest.Signer }

// The CAs are created once, because creating keys is slow with the race detector.
var (
	testCA     = sync.OnceValue(func() *authority { return newAuthority("Test Root") })
	otherCA    = sync.OnceValue(func() *authority { return newAuthority("Other Root") })
	sameNameCA = sync.OnceValue(func() *authority { return newAuthority("Test Root") })
)

func newAuthority(name string) *authority {
	a := &authority{root: certificatetest.NewCA(name, nil)}
	a.issuer = certificatetest.NewCA(name+" Intermediate", &a.root)
	return a
}

// sender is the expected subject.
const sender = "org.example"

// leaf returns a certificate of the sender. change may modify the template first.
func (a *authority) leaf(change func(*x509.Certificate)) certificatetest.Signer {
	return certificatetest.Sign(template(change), &a.issuer)
}

// expired makes a template expire an hour ago.
func expired(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) }

// future makes a template valid from an hour from now.
func future(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }

func template(change func(*x509.Certificate)) *x509.Certificate {
	c := &x509.Certificate{
		Subject: pkix.Name{
			CommonName: sender, Organization: []string{"Example"}, Country: []string{"DE"},
		},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(c)
	}
	return c
}

// file writes the root to a file and returns its name.
func (a *authority) file(tb testing.TB) string {
	tb.Helper()
	name := filepath.Join(tb.TempDir(), "ca.pem")
	writeFile(tb, name, a.root.PEM())
	return name
}

// wrongKey is a Signer that has one public key but signs with another key.
type wrongKey struct {
	public crypto.PublicKey
	crypto.Signer
}

func (p wrongKey) Public() crypto.PublicKey { return p.public }

func writeFile(tb testing.TB, name, content string) {
	tb.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// newClients returns Clients with a configuration.
func newClients(tb testing.TB, config certificate.ClientsConfig) *certificate.Clients {
	tb.Helper()
	c, err := certificate.NewClients(config)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// bySubject returns Clients that accept certificates of testCA for the subjects.
func bySubject(tb testing.TB, subjects ...string) *certificate.Clients {
	tb.Helper()
	return newClients(tb, certificate.ClientsConfig{CAFile: testCA().file(tb), Subjects: subjects})
}

// byPin returns Clients that accept the certificates.
func byPin(tb testing.TB, pinned ...certificatetest.Signer) *certificate.Clients {
	tb.Helper()
	var config certificate.ClientsConfig
	for _, s := range pinned {
		config.Fingerprints = append(config.Fingerprints, s.Fingerprint())
	}
	return newClients(tb, config)
}
