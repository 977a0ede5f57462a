// Package certificatetest creates certificates for tests: CAs, and certificates signed by them.
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

// Signer is a certificate with its key, which can sign others.
type Signer struct {
	Certificate *x509.Certificate
	Key         *ecdsa.PrivateKey
}

// NewCA returns a CA signed by another, or a root CA if by is nil.
func NewCA(name string, by *Signer) Signer {
	return Sign(&x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}, by)
}

// Sign returns a certificate from a template with a new key, self-signed if by is nil. NotAfter
// defaults to a year from now, NotBefore to two years before NotAfter. Sign panics on an error.
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

// Shown returns the certificate with its key, followed by others, for use in a handshake.
func (s Signer) Shown(others ...Signer) *tls.Certificate {
	c := &tls.Certificate{PrivateKey: s.Key}
	for _, shown := range s.Chain(others...) {
		c.Certificate = append(c.Certificate, shown.Raw)
	}
	return c
}

// Chain returns the certificate, followed by others.
func (s Signer) Chain(others ...Signer) []*x509.Certificate {
	chain := []*x509.Certificate{s.Certificate}
	for _, other := range others {
		chain = append(chain, other.Certificate)
	}
	return chain
}

// Fingerprint returns the SHA-256 of the certificate in hex.
func (s Signer) Fingerprint() string {
	sum := sha256.Sum256(s.Certificate.Raw)
	return hex.EncodeToString(sum[:])
}

// Pool returns a pool with only this certificate.
func (s Signer) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate)
	return pool
}

// PEM returns the certificate, followed by others, in PEM.
func (s Signer) PEM(others ...Signer) string {
	var text strings.Builder
	for _, c := range s.Chain(others...) {
		text.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	return text.String()
}

// KeyPEM returns the key in PEM.
func (s Signer) KeyPEM() string {
	der := must(x509.MarshalPKCS8PrivateKey(s.Key))
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
