package doctor_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"sync"

	"ackbox/internal/access/certificate/certificatetest"
)

// host is the host of the certificates.
const host = "inbox.example"

// authority is a CA with two intermediates below its root: upper signs lower, and lower signs what
// listeners serve.
type authority struct{ root, upper, lower certificatetest.Signer }

// testAuthority returns the CA of all tests: generating keys is slow under the race detector.
var testAuthority = sync.OnceValue(func() *authority {
	a := &authority{root: certificatetest.NewCA("Test Root", nil)}
	a.upper = certificatetest.NewCA("Test Upper", &a.root)
	a.lower = certificatetest.NewCA("Test Lower", &a.upper)
	return a
})

// leaf returns a certificate for the host, as modified by change.
func (a *authority) leaf(change func(*x509.Certificate)) certificatetest.Signer {
	c := &x509.Certificate{
		Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(c)
	}
	return certificatetest.Sign(c, &a.lower)
}

// serve returns the configuration of a listener that serves a leaf and others in this order.
func serve(leaf certificatetest.Signer, others ...certificatetest.Signer) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{*leaf.Shown(others...)}}
}

// good returns the configuration that a listener should have.
func (a *authority) good() *tls.Config { return serve(a.leaf(nil), a.lower, a.upper) }

func selfSigned() certificatetest.Signer {
	return certificatetest.Sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}, nil)
}
