// Package certificate handles the certificates of both sides: it loads the server's own, again
// whenever it changes, and checks whether a client's is an expected one, which comes from the TLS
// handshake or from a proxy's header. It does not decide what happens to the request.
package certificate

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"ackbox/internal/access/address"
)

// maxChain is how many certificates a client may send: a leaf, its intermediates, and a few that
// are not needed.
const maxChain = 10

// ClientsConfig determines which client certificates are expected and where they come from. If it
// has neither CAFile nor Fingerprints, no certificate is accepted: in report mode that records
// those that clients send.
type ClientsConfig struct {
	// CAFile is a PEM file of the CAs that sign certificates for the Subjects. It is read once.
	CAFile string
	// Subjects are the accepted subjects of certificates that the CAs signed. CAFile requires at
	// least one, because public CAs sign for anyone. A subject with a "=" is a whole distinguished
	// name by RFC 2253 (CN=…,O=…,C=…), any other is a common name or a DNS name.
	Subjects []string
	// Fingerprints are the SHA-256 of accepted certificates in DER, in hex with or without colons.
	// With two of them a certificate can be replaced without downtime.
	Fingerprints []string
	// Header is the name of the header in which the trusted Proxies pass on the client's
	// certificate. If it is empty, the certificate is that of the connection.
	Header  string
	Proxies *address.Proxies
}

// Clients checks client certificates. It is safe for concurrent use.
type Clients struct {
	cas      *x509.CertPool // nil if there is no CAFile
	subjects []string
	pins     map[[sha256.Size]byte]bool
	header   string
	proxies  *address.Proxies
	verified cache
}

// NewClients checks the configuration and reads the CAs. Its errors say what is wrong with the
// configuration.
func NewClients(config ClientsConfig) (*Clients, error) {
	c := &Clients{subjects: config.Subjects, header: config.Header, proxies: config.Proxies}
	switch {
	case config.CAFile != "" && len(config.Subjects) == 0:
		return nil, errors.New("a file of CAs needs an expected subject: CAs sign for others, too")
	case config.CAFile == "" && len(config.Subjects) > 0:
		return nil, errors.New("an expected subject needs a file of CAs: " +
			"anyone can create a certificate with any subject")
	case config.Header != "" && config.Proxies.Empty():
		return nil, errors.New("a header with the client certificate needs a trusted proxy: " +
			"anyone can send a header")
	}
	for _, subject := range config.Subjects {
		if strings.TrimSpace(subject) == "" {
			return nil, errors.New("an expected subject is empty: " +
				"it would match certificates without a name")
		}
	}
	var err error
	if c.pins, err = parseFingerprints(config.Fingerprints); err != nil {
		return nil, err
	}
	if config.CAFile != "" {
		c.cas, err = ReadCAs(config.CAFile)
	}
	return c, err
}

func parseFingerprints(texts []string) (map[[sha256.Size]byte]bool, error) {
	pins := make(map[[sha256.Size]byte]bool, len(texts))
	for _, text := range texts {
		digits, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
		if err != nil || len(digits) != sha256.Size {
			return nil, fmt.Errorf("%q is not the SHA-256 fingerprint of a certificate: "+
				"give 64 hex digits, with or without colons, as ackbox certificates prints them", text)
		}
		pins[[sha256.Size]byte(digits)] = true
	}
	return pins, nil
}

// acceptableCAs returns the CAs to name in a handshake, by which clients choose a certificate. It
// returns nil if there are pins: a pinned certificate may be of any CA, and a client might not send
// it if other CAs are named.
func (c *Clients) acceptableCAs() *x509.CertPool {
	if len(c.pins) > 0 || c.header != "" {
		return nil
	}
	return c.cas
}

// Shown returns the certificates that the client sent, its own first, without checking them; nil if
// there are none. With a Header it returns those that a trusted proxy passes on, and ignores the
// connection's and the headers of others. Its errors are of type *[Error].
func (c *Clients) Shown(r *http.Request) ([]*x509.Certificate, error) {
	switch {
	case c.header == "" && r.TLS != nil:
		return r.TLS.PeerCertificates, nil
	case c.header == "" || !c.proxies.Trusts(r):
		return nil, nil
	}
	return certificatesInHeader(r.Header, c.header)
}

// Error is the error of a client's certificate.
type Error struct {
	// Problem is one line without secrets, for a Fault and for a log.
	Problem string
}

// Error implements error.
func (e *Error) Error() string { return e.Problem }

func errorf(format string, args ...any) *Error {
	return &Error{fmt.Sprintf(format, args...)}
}

// Check returns nil if a chain that [Clients.Shown] returned is valid at a time and expected: if
// its first certificate is pinned, or signed by the CAs for an expected subject. Else it returns a
// *[Error]. It does not prove that the client has the key, which is up to the handshake with this
// server or with the proxy. It must be called for each request: a resumed session or an open
// connection may outlast a change of what is expected.
func (c *Clients) Check(chain []*x509.Certificate, now time.Time) error {
	switch {
	case len(chain) == 0:
		return errorf("no client certificate was shown")
	case len(chain) > maxChain:
		return errorf("%d certificates were shown, more than %d", len(chain), maxChain)
	}
	leaf := chain[0]
	sum := sha256.Sum256(leaf.Raw)
	switch {
	case now.Before(leaf.NotBefore):
		return errorf("the client certificate is not valid before %s", day(leaf.NotBefore))
	case now.After(leaf.NotAfter):
		return errorf("the client certificate has ended on %s", day(leaf.NotAfter))
	case c.pins[sum]:
		return nil
	case c.cas == nil:
		return errorf("the client certificate with the SHA-256 fingerprint %x is not expected", sum)
	}
	return c.checkSigned(chain, now)
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// EncodePEM returns certificates in PEM, in their order.
func EncodePEM(chain []*x509.Certificate) string {
	var text strings.Builder
	for _, certificate := range chain {
		text.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}))
	}
	return text.String()
}
