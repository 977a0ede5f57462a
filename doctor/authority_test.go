package doctor_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"sync"
	"time"
)

// host is whom the certificates are for.
const host = "inbox.example"

// authority is a CA with two intermediates below its root: upper signs lower, and lower signs what listeners serve.
type authority struct{ root, upper, lower signer }

type signer struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// theAuthority is made once: making keys takes its time under the race detector.
var theAuthority = sync.OnceValue(func() *authority {
	a := &authority{root: newCA("Test Root", nil)}
	a.upper = newCA("Test Upper", &a.root)
	a.lower = newCA("Test Lower", &a.upper)
	return a
})

func newCA(name string, by *signer) signer {
	return sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, by)
}

// sign makes a certificate, by itself when by is nil.
func sign(c *x509.Certificate, by *signer) signer {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	c.SerialNumber = must(rand.Int(rand.Reader, big.NewInt(1<<62)))
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().Add(365 * 24 * time.Hour)
	}
	if c.NotBefore.IsZero() {
		c.NotBefore = c.NotAfter.Add(-2 * 365 * 24 * time.Hour)
	}
	if by == nil {
		by = &signer{c, key}
	}
	der := must(x509.CreateCertificate(rand.Reader, c, by.certificate, key.Public(), by.key))
	return signer{must(x509.ParseCertificate(der)), key}
}

// leaf makes a certificate for the host, after change has had its way with it.
func (a *authority) leaf(change func(*x509.Certificate)) signer {
	c := &x509.Certificate{
		Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(c)
	}
	return sign(c, &a.lower)
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.root.certificate)
	return pool
}

// serve is what a listener serves: a leaf, and others in whatever order.
func serve(leaf signer, others ...signer) *tls.Config {
	c := tls.Certificate{Certificate: [][]byte{leaf.certificate.Raw}, PrivateKey: leaf.key}
	for _, other := range others {
		c.Certificate = append(c.Certificate, other.certificate.Raw)
	}
	return &tls.Config{Certificates: []tls.Certificate{c}}
}

// good is what a listener should serve.
func (a *authority) good() *tls.Config { return serve(a.leaf(nil), a.lower, a.upper) }

func selfSigned() signer {
	return sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, KeyUsage: x509.KeyUsageDigitalSignature,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}, nil)
}

func must[T any](made T, err error) T {
	if err != nil {
		panic(err)
	}
	return made
}
