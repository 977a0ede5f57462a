// Package certificate knows certificates on both sides of the door: the one that this server shows, read again when it
// changes, and those that clients show, in the handshake or through a proxy, and whether they are the expected ones.
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

// maxChain is how many certificates may be shown: a leaf, its intermediates, and a few that are not needed.
const maxChain = 10

// ClientsConfig says which client certificates are expected, and where they are to be found. When nothing is
// expected, none is accepted: in report mode that tells which ones are shown.
type ClientsConfig struct {
	// CAFile is a file in PEM with the CAs that sign for expected Subjects. It is read once.
	CAFile string
	// Subjects are those expected of a certificate that the CAs signed, at least one: public CAs sign for anyone. One
	// with a "=" is a whole distinguished name by RFC 2253 (CN=…,O=…,C=…), any other a common name or a DNS name.
	Subjects []string
	// Fingerprints are the SHA-256 of accepted certificates in DER, in hex with or without colons. With two of them a
	// certificate can be replaced without a gap.
	Fingerprints []string
	// Header is the one in which the trusted Proxies pass on the certificate that a client showed to them. Without it
	// the certificate is that of the connection.
	Header  string
	Proxies *address.Proxies
}

// Clients know which certificates are expected of a client. They are safe for concurrent use.
type Clients struct {
	cas      *x509.CertPool // nil without CAs
	subjects []string
	pins     map[[sha256.Size]byte]bool
	header   string
	proxies  *address.Proxies
	verified verified
}

// NewClients reads what is expected. Its errors are the setting's, and say what to change.
func NewClients(config ClientsConfig) (*Clients, error) {
	c := &Clients{subjects: config.Subjects, header: config.Header, proxies: config.Proxies}
	switch {
	case config.CAFile != "" && len(config.Subjects) == 0:
		return nil, errors.New("a file of CAs needs the subject that is expected: CAs sign for others too")
	case config.CAFile == "" && len(config.Subjects) > 0:
		return nil, errors.New("an expected subject needs a file of CAs: anybody can write a subject into a certificate")
	case config.Header != "" && config.Proxies.Empty():
		return nil, errors.New("a header with the client certificate needs a trusted proxy: anybody can send a header")
	}
	for _, subject := range config.Subjects {
		if strings.TrimSpace(subject) == "" {
			return nil, errors.New("an expected subject is empty: it would be that of a certificate without any name")
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
			return nil, fmt.Errorf("%q is no SHA-256 fingerprint of a certificate: 64 hex digits, colons allowed, "+
				"as ackbox certificates lists them", text)
		}
		pins[[sha256.Size]byte(digits)] = true
	}
	return pins, nil
}

// hint are the CAs to name in a handshake, by which a client with several certificates chooses. A pinned certificate
// need not be of any of them, and a client that is told so would not show it: with pins nothing is named.
func (c *Clients) hint() *x509.CertPool {
	if len(c.pins) > 0 || c.header != "" {
		return nil
	}
	return c.cas
}

// Shown gives the certificates that the client showed, its own first and unchecked; none is nil. With a header they are
// those that a trusted proxy passes on; what anybody else writes there, or shows to us, counts as none. Its errors are
// a *[Error].
func (c *Clients) Shown(r *http.Request) ([]*x509.Certificate, error) {
	switch {
	case c.header == "" && r.TLS != nil:
		return r.TLS.PeerCertificates, nil
	case c.header == "" || !c.proxies.Trusts(r):
		return nil, nil
	}
	return certificatesInHeader(r.Header, c.header)
}

// Error says what is wrong with what a client showed.
type Error struct {
	// Problem is fit for a Fault and for a log: a line without anything secret.
	Problem string
}

// Error implements error.
func (e *Error) Error() string { return e.Problem }

func problem(format string, args ...any) *Error {
	return &Error{fmt.Sprintf(format, args...)}
}

// Check tells whether what was shown is expected: a pinned certificate, or one that the CAs signed for an expected
// subject, in its time. Else it is a *[Error]. That the client has the key is for the handshake, ours or the
// proxy's, to prove; whatever a session resumes or a connection keeps, each request is checked anew.
func (c *Clients) Check(chain []*x509.Certificate, now time.Time) error {
	switch {
	case len(chain) == 0:
		return problem("no client certificate was shown")
	case len(chain) > maxChain:
		return problem("%d certificates were shown, more than %d", len(chain), maxChain)
	}
	leaf := chain[0]
	pinned := c.pins[sha256.Sum256(leaf.Raw)]
	switch {
	case now.Before(leaf.NotBefore):
		return problem("the client certificate is not valid before %s", day(leaf.NotBefore))
	case now.After(leaf.NotAfter):
		return problem("the client certificate has ended on %s", day(leaf.NotAfter))
	case pinned:
		return nil
	case c.cas == nil:
		return problem("the client certificate with the SHA-256 fingerprint %x is not expected", sha256.Sum256(leaf.Raw))
	}
	return c.checkSigned(chain, now)
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// EncodePEM writes certificates in PEM, in their order.
func EncodePEM(chain []*x509.Certificate) string {
	var text strings.Builder
	for _, certificate := range chain {
		text.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}))
	}
	return text.String()
}
