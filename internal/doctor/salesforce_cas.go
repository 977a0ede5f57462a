package doctor

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // finds certificates in a list, which may have no other fingerprint
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"ackbox/internal/access/certificate"
)

// SalesforceCAs is a saved list of the CAs that Salesforce trusts: their certificates or their
// fingerprints.
type SalesforceCAs struct {
	certificates []*x509.Certificate
	fingerprints map[string]bool // the bytes of SHA-256 and SHA-1
	count        int             // of CAs
}

// fingerprint matches what may be a SHA-256 or SHA-1 in hex, with or without colons. What else has
// the length of one, such as a serial number, is the fingerprint of no certificate and does no harm.
var fingerprint = regexp.MustCompile(`(?i)\b(?:[0-9a-f]{2}(?::[0-9a-f]{2}){19,}|[0-9a-f]{40,})\b`)

// ReadSalesforceCAs reads a list from a file: PEM certificates, or any text with the fingerprints of
// the CAs, such as the page that Salesforce publishes at /cacerts.jsp (help 000385468), the output
// of keytool -list, or a table.
func ReadSalesforceCAs(file string) (*SalesforceCAs, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read Salesforce's CAs: %w", err)
	}
	if bytes.Contains(text, []byte("-----BEGIN ")) {
		certificates, err := certificate.ReadPEM(file)
		if err != nil {
			return nil, err
		}
		return &SalesforceCAs{certificates: certificates, count: len(certificates)}, nil
	}
	text = bytes.ReplaceAll(text, []byte{0}, nil) // UTF-16, as PowerShell writes it
	list := &SalesforceCAs{fingerprints: map[string]bool{}}
	for _, found := range fingerprint.FindAll(text, -1) {
		sum, err := hex.DecodeString(strings.ReplaceAll(string(found), ":", ""))
		if err == nil && (len(sum) == sha256.Size || len(sum) == sha1.Size) {
			list.fingerprints[string(sum)] = true
		}
	}
	if len(list.fingerprints) == 0 {
		return nil, fmt.Errorf("read Salesforce's CAs: %s contains no certificate in PEM, "+
			"and no SHA-256 or SHA-1 fingerprint", file)
	}
	list.count = countCAs(list.fingerprints)
	return list, nil
}

// countCAs returns how many CAs have these fingerprints. One may have a fingerprint of each size.
func countCAs(fingerprints map[string]bool) int {
	bySize := map[int]int{}
	for sum := range fingerprints {
		bySize[len(sum)]++
	}
	return max(bySize[sha256.Size], bySize[sha1.Size])
}

// has reports whether a certificate is listed by its fingerprint.
func (l *SalesforceCAs) has(c *x509.Certificate) bool {
	long, short := sha256.Sum256(c.Raw), sha1.Sum(c.Raw) //nolint:gosec // see the import
	return l.fingerprints[string(long[:])] || l.fingerprints[string(short[:])]
}

// roots returns the pool of the listed CAs: those whose certificates are in the list, and those
// among known whose fingerprints are.
func (l *SalesforceCAs) roots(known []*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, ca := range l.certificates {
		pool.AddCert(ca)
	}
	for _, ca := range known {
		if l.has(ca) {
			pool.AddCert(ca)
		}
	}
	return pool
}

// salesforceRoots returns the pool of the CAs in Salesforce's list, or nil if there is no list. Of
// CAs that are listed by fingerprint it has those that are served, or that this machine or --ca
// trusts.
func (e *examination) salesforceRoots(at time.Time) *x509.CertPool {
	if e.SalesforceCAs == nil {
		return nil
	}
	known := e.served.certificates[1:]
	for _, pool := range []*x509.CertPool{e.PublicCAs, e.CA} {
		if pool == nil {
			continue
		}
		chains, _ := e.served.chains(pool, at)
		for _, chain := range chains {
			known = append(known[:len(known):len(known)], chain[1:]...)
		}
	}
	return e.SalesforceCAs.roots(known)
}

// listed checks that the chain leads to a CA in Salesforce's list.
func (e *examination) listed() Check {
	s := &e.served
	if s.listed != nil {
		return pass("%s is in the list of %s that Salesforce trusts", name(s.listed), e.SalesforceCAs)
	}
	return Check{
		Status: Fail, Found: fmt.Sprintf("the chain leads to %s, which is not in the list of %s that "+
			"Salesforce trusts", name(s.chain[len(s.chain)-1]), e.SalesforceCAs),
		Salesforce: reasonPath, Todo: "get a certificate of a CA in the list; or serve another chain, " +
			"if your CA offers one that leads there; or check that the file is complete and current",
	}
}

// String returns how many CAs are in the list.
func (l *SalesforceCAs) String() string {
	if l.count == 1 {
		return "1 CA"
	}
	return fmt.Sprintf("%d CAs", l.count)
}
