// Package certificatetest makes certificates for tests: authorities, and what they sign.
package certificatetest

import (
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
	"strings"
	"time"
)

// Signer is a certificate with its key, which may sign others.
type Signer struct {
	Certificate *x509.Certificate
	Key         *ecdsa.PrivateKey
}

// NewCA makes an authority below another, or a root when by is nil.
func NewCA(name string, by *Signer) Signer {
	return Sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, by)
}

// Sign makes a certificate of a template, signed by itself when by is nil. It is valid for two years, of which one is
// over, unless the template says otherwise. It panics when that cannot be done.
func Sign(template *x509.Certificate, by *Signer) Signer {
	c := *template
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	c.SerialNumber = must(rand.Int(rand.Reader, big.NewInt(1<<62)))
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().Add(365 * 24 * time.Hour)
	}
	if c.NotBefore.IsZero() {
		c.NotBefore = c.NotAfter.Add(-2 * 365 * 24 * time.Hour)
	}
	if by == nil {
		by = &Signer{&c, key}
	}
	der := must(x509.CreateCertificate(rand.Reader, &c, by.Certificate, key.Public(), by.Key))
	return Signer{must(x509.ParseCertificate(der)), key}
}

// Shown is what a client or a server shows: the certificate, and others in whatever order.
func (s Signer) Shown(others ...Signer) *tls.Certificate {
	c := &tls.Certificate{PrivateKey: s.Key}
	for _, shown := range s.Chain(others...) {
		c.Certificate = append(c.Certificate, shown.Raw)
	}
	return c
}

// Chain is the certificate, and others.
func (s Signer) Chain(others ...Signer) []*x509.Certificate {
	chain := []*x509.Certificate{s.Certificate}
	for _, other := range others {
		chain = append(chain, other.Certificate)
	}
	return chain
}

// Fingerprint is the SHA-256 of the certificate, in hex.
func (s Signer) Fingerprint() string {
	sum := sha256.Sum256(s.Certificate.Raw)
	return hex.EncodeToString(sum[:])
}

// Pool holds the certificate alone, for who trusts it.
func (s Signer) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate)
	return pool
}

// PEM is the certificate, and others, in PEM.
func (s Signer) PEM(others ...Signer) string {
	var text strings.Builder
	for _, c := range s.Chain(others...) {
		text.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	return text.String()
}

// KeyPEM is the key in PEM.
func (s Signer) KeyPEM() string {
	der := must(x509.MarshalPKCS8PrivateKey(s.Key))
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func must[T any](made T, err error) T {
	if err != nil {
		panic(err)
	}
	return made
}
