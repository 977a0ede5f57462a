package guard_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"ackbox/guard"
)

// signer is a certificate with its key.
type signer struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// authority is a CA with one below it, which signs what clients and servers show.
type authority struct{ root, lower signer }

// The authorities are made once: making keys takes its time under the race detector.
var (
	theAuthority    = sync.OnceValue(func() *authority { return newAuthority("Test Root") })
	anotherOfItsOwn = sync.OnceValue(func() *authority { return newAuthority("Other Root") })
	namesake        = sync.OnceValue(func() *authority { return newAuthority("Test Root") })
)

func newAuthority(name string) *authority {
	a := &authority{root: newCA(name, nil)}
	a.lower = newCA(name+", Lower", &a.root)
	return a
}

func newCA(name string, by *signer) signer {
	return sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, by)
}

// sign makes a certificate, by itself when by is nil.
func sign(c *x509.Certificate, by *signer) signer {
	key := created(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	c.SerialNumber = created(rand.Int(rand.Reader, big.NewInt(1<<62)))
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().Add(365 * 24 * time.Hour)
	}
	if c.NotBefore.IsZero() {
		c.NotBefore = c.NotAfter.Add(-2 * 365 * 24 * time.Hour)
	}
	if by == nil {
		by = &signer{c, key}
	}
	der := created(x509.CreateCertificate(rand.Reader, c, by.certificate, key.Public(), by.key))
	return signer{created(x509.ParseCertificate(der)), key}
}

// sender is the subject that is expected.
const sender = "org.example"

// leaf makes a certificate of the sender, after change has had its way with it.
func (a *authority) leaf(change func(*x509.Certificate)) signer {
	return sign(template(change), &a.lower)
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
	writeFile(tb, name, guard.EncodePEM([]*x509.Certificate{a.root.certificate}))
	return name
}

// shown is what a client shows: its certificate, and others in whatever order.
func (s signer) shown(others ...signer) *tls.Certificate {
	c := &tls.Certificate{Certificate: [][]byte{s.certificate.Raw}, PrivateKey: s.key}
	for _, other := range others {
		c.Certificate = append(c.Certificate, other.certificate.Raw)
	}
	return c
}

// chain is the same, parsed.
func (s signer) chain(others ...signer) []*x509.Certificate {
	chain := []*x509.Certificate{s.certificate}
	for _, other := range others {
		chain = append(chain, other.certificate)
	}
	return chain
}

func (s signer) fingerprint() string {
	sum := sha256.Sum256(s.certificate.Raw)
	return hex.EncodeToString(sum[:])
}

// keyPEM is the key in PEM.
func (s signer) keyPEM() string {
	der := created(x509.MarshalPKCS8PrivateKey(s.key))
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
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
func expect(tb testing.TB, config guard.ClientCertificatesConfig) *guard.ClientCertificates {
	tb.Helper()
	c, err := guard.NewClientCertificates(config)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// bySubject expects a certificate of the authority for one of the subjects.
func bySubject(tb testing.TB, subjects ...string) *guard.ClientCertificates {
	tb.Helper()
	return expect(tb, guard.ClientCertificatesConfig{CAFile: theAuthority().file(tb), Subjects: subjects})
}

// byPin expects one of the certificates.
func byPin(tb testing.TB, pinned ...signer) *guard.ClientCertificates {
	tb.Helper()
	var config guard.ClientCertificatesConfig
	for _, s := range pinned {
		config.Fingerprints = append(config.Fingerprints, s.fingerprint())
	}
	return expect(tb, config)
}
