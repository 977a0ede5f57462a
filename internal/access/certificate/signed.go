package certificate

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
)

// checkSigned tells whether the first certificate is one that the CAs signed, be it through others that were shown, for
// an expected subject.
func (c *Clients) checkSigned(chain []*x509.Certificate, now time.Time) error {
	leaf, sum := chain[0], digest(chain)
	if !c.verified.has(sum, now) {
		valid, err := c.verify(chain, now)
		if err != nil {
			return unverified(leaf, err)
		}
		c.verified.add(sum, valid)
	}
	if !slices.ContainsFunc(c.subjects, func(expected string) bool { return isSubject(leaf, expected) }) {
		return problem("the client certificate's subject %s is not expected", quote(leaf.Subject.String()))
	}
	return nil
}

// verify finds a way from the first certificate to the CAs, and gives the time for which it holds.
func (c *Clients) verify(chain []*x509.Certificate, now time.Time) (period, error) {
	intermediates := x509.NewCertPool()
	for _, certificate := range chain[1:] {
		intermediates.AddCert(certificate)
	}
	ways, err := chain[0].Verify(x509.VerifyOptions{
		Roots:         c.cas,
		Intermediates: intermediates,
		CurrentTime:   now,
		// Public CAs stop signing for clients in 2026: browsers want CAs that sign for servers only. A sender's
		// certificate may therefore be a server's (https://googlechrome.github.io/chromerootprogram/, 3.2.2).
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return period{}, err
	}
	return common(ways[0]), nil
}

// unverified says why a chain is not one of the CAs.
func unverified(leaf *x509.Certificate, err error) error {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return problem("the client certificate is signed by none of the CAs, and was not shown with an intermediate "+
			"certificate that leads to one: its issuer is %s", quote(leaf.Issuer.String()))
	}
	invalid, ok := errors.AsType[x509.CertificateInvalidError](err)
	switch {
	case ok && invalid.Reason == x509.Expired:
		return problem("a certificate that the client certificate depends on is not valid at this time: %s",
			quote(invalid.Cert.Subject.String()))
	case ok && invalid.Reason == x509.IncompatibleUsage:
		return problem("the client certificate is neither for TLS clients nor for TLS servers")
	}
	return problem("the client certificate cannot be verified: %s", quote(err.Error()))
}

// isSubject tells whether a certificate is for the expected subject. An expectation with a "=" is compared with the
// distinguished name only, so that a common name that reads like one, "CN=a,O=b", never passes for it. Within the
// distinguished name a "," of the common name is escaped.
func isSubject(leaf *x509.Certificate, expected string) bool {
	if isAmbiguous(leaf.Subject) {
		return false
	}
	if strings.Contains(expected, "=") {
		return leaf.Subject.String() == expected || subjectAsWritten(leaf) == expected
	}
	isExpected := func(name string) bool { return strings.EqualFold(name, expected) }
	return leaf.Subject.CommonName == expected || slices.ContainsFunc(leaf.DNSNames, isExpected)
}

// subjectAsWritten is the distinguished name in the order of the certificate, as openssl prints it with -nameopt
// RFC2253. Go's own form has an order of its own.
func subjectAsWritten(leaf *x509.Certificate) string {
	var name pkix.RDNSequence
	if rest, err := asn1.Unmarshal(leaf.RawSubject, &name); err != nil || len(rest) > 0 {
		return ""
	}
	return name.String()
}

// The parts of a name of which [pkix.Name] keeps only the last.
var (
	oidCommonName   = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidSerialNumber = asn1.ObjectIdentifier{2, 5, 4, 5}
)

// isAmbiguous tells whether a name says twice what it should say once: who reads it goes by the first or by the last.
func isAmbiguous(name pkix.Name) bool {
	commonNames, serialNumbers := 0, 0
	for _, part := range name.Names {
		switch {
		case part.Type.Equal(oidCommonName):
			commonNames++
		case part.Type.Equal(oidSerialNumber):
			serialNumbers++
		}
	}
	return commonNames > 1 || serialNumbers > 1
}

// maxQuoted is how much of a text from a certificate is repeated, in bytes.
const maxQuoted = 300

// quote makes a text that whoever made the certificate chose one that can be printed.
func quote(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text[:min(len(text), maxQuoted)])
	return `"` + text + `"`
}
