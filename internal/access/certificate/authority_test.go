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

// authority is a CA with one below it, which signs what clients and servers show.
type authority struct{ root, lower certificatetest.Signer }

// The authorities are made once: making keys takes its time under the race detector.
var (
	theAuthority    = sync.OnceValue(func() *authority { return newAuthority("Test Root") })
	anotherOfItsOwn = sync.OnceValue(func() *authority { return newAuthority("Other Root") })
	namesake        = sync.OnceValue(func() *authority { return newAuthority("Test Root") })
)

func newAuthority(name string) *authority {
	a := &authority{root: certificatetest.NewCA(name, nil)}
	a.lower = certificatetest.NewCA(name+", Lower", &a.root)
	return a
}

// sender is the subject that is expected.
const sender = "org.example"

// leaf makes a certificate of the sender, after change has had its way with it.
func (a *authority) leaf(change func(*x509.Certificate)) certificatetest.Signer {
	return certificatetest.Sign(template(change), &a.lower)
}

// ended makes one that ended an hour ago.
func ended(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) }

// early makes one that begins in an hour.
func early(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }

func template(change func(*x509.Certificate)) *x509.Certificate {
	c := &x509.Certificate{
		Subject:     pkix.Name{CommonName: sender, Organization: []string{"Example"}, Country: []string{"DE"}},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(c)
	}
	return c
}

// file writes the authority's root to a file.
func (a *authority) file(tb testing.TB) string {
	tb.Helper()
	name := filepath.Join(tb.TempDir(), "ca.pem")
	writeFile(tb, name, a.root.PEM())
	return name
}

// pretender says that it has the key of a certificate, but signs with another.
type pretender struct {
	public crypto.PublicKey
	crypto.Signer
}

func (p pretender) Public() crypto.PublicKey { return p.public }

func writeFile(tb testing.TB, name, content string) {
	tb.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
}

func created[T any](made T, err error) T {
	if err != nil {
		panic(err)
	}
	return made
}

// expect makes what is expected of clients.
func expect(tb testing.TB, config certificate.ClientsConfig) *certificate.Clients {
	tb.Helper()
	c, err := certificate.NewClients(config)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// bySubject expects a certificate of the authority for one of the subjects.
func bySubject(tb testing.TB, subjects ...string) *certificate.Clients {
	tb.Helper()
	return expect(tb, certificate.ClientsConfig{CAFile: theAuthority().file(tb), Subjects: subjects})
}

// byPin expects one of the certificates.
func byPin(tb testing.TB, pinned ...certificatetest.Signer) *certificate.Clients {
	tb.Helper()
	var config certificate.ClientsConfig
	for _, s := range pinned {
		config.Fingerprints = append(config.Fingerprints, s.Fingerprint())
	}
	return expect(tb, config)
}
