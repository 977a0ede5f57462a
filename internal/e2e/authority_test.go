package e2e_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"ackbox/internal/access/certificate/certificatetest"
)

// authority signs the certificates of servers and senders in these tests. It is created once,
// because generating keys takes time.
var authority = sync.OnceValue(func() certificatetest.Signer {
	return certificatetest.NewCA("Test CA", nil)
})

// senderName is the common name of the certificates of senders.
const senderName = "00DS10000004acK.example.test"

// newSender creates a client certificate of the sender, signed by an authority or by itself.
func newSender(by *certificatetest.Signer) certificatetest.Signer {
	return certificatetest.Sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: senderName}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, by)
}

// newLong creates a certificate of at least a length, in bytes.
func newLong(length int) certificatetest.Signer {
	return certificatetest.Sign(&x509.Certificate{ExtraExtensions: []pkix.Extension{
		{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: make([]byte, length)},
	}}, nil)
}

// newServerCertificate creates a certificate for servers on this machine.
func newServerCertificate() certificatetest.Signer {
	ca := authority()
	return certificatetest.Sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, &ca)
}

// write writes a file of the installation atomically, and returns its path.
func (in *installation) write(name, content string) string {
	in.tb.Helper()
	path := filepath.Join(in.dir, name)
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		in.tb.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		in.tb.Fatal(err)
	}
	return path
}

// secure configures the inbox to serve TLS.
func (in *installation) secure() {
	in.tb.Helper()
	c := newServerCertificate()
	in.set("TLS_CERT", in.write("cert.pem", c.PEM()))
	in.set("TLS_KEY", in.write("key.pem", c.KeyPEM()))
}

// showing returns a client that shows a certificate when the server asks for one, or none if it is
// nil. Each request has a connection of its own.
func showing(shown *tls.Certificate) *http.Client {
	config := &tls.Config{RootCAs: authority().Pool()}
	if shown != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return shown, nil
		}
	}
	return &http.Client{
		Timeout: testTimeout,
		Transport: &http.Transport{
			TLSClientConfig: config, DisableCompression: true, DisableKeepAlives: true,
		},
	}
}

// postBy posts a message with a client other than the default one.
func postBy(tb testing.TB, c *http.Client, url string, body []byte, header ...string) answer {
	tb.Helper()
	return doBy(tb, c, http.MethodPost, url, bytes.NewReader(body), header...)
}
