package certificate

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"slices"
	"strings"
	"time"

	"ackbox/internal/text"
)

// checkSigned returns an error unless the CAs signed the first certificate, directly or by others
// in the chain, for an expected subject.
func (c *Clients) checkSigned(chain []*x509.Certificate, now time.Time) error {
	leaf, sum := chain[0], digest(chain)
	if !c.verified.has(sum, now) {
		valid, err := c.verify(chain, now)
		if err != nil {
			return verifyError(leaf, err)
		}
		c.verified.add(sum, valid)
	}
	isExpected := func(expected string) bool { return isSubject(leaf, expected) }
	if !slices.ContainsFunc(c.subjects, isExpected) {
		return errorf("the client certificate's subject %s is not expected", quote(leaf.Subject.String()))
	}
	return nil
}

// verify builds a chain from the first certificate to the CAs and returns the period in which it is
// valid.
func (c *Clients) verify(chain []*x509.Certificate, now time.Time) (period, error) {
	intermediates := x509.NewCertPool()
	for _, certificate := range chain[1:] {
		intermediates.AddCert(certificate)
	}
	chains, err := chain[0].Verify(x509.VerifyOptions{
		Roots:         c.cas,
		Intermediates: intermediates,
		CurrentTime:   now,
		// Public CAs stop issuing client certificates in 2026, because browsers require CAs that
		// issue server certificates only. A sender's may therefore be a server certificate
		// (https://googlechrome.github.io/chromerootprogram/, 3.2.2).
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return period{}, err
	}
	return validityOf(chains[0]), nil
}

// verifyError returns the error for a Fault of an error that Verify returned.
func verifyError(leaf *x509.Certificate, err error) error {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return errorf("the client certificate is signed by none of the CAs, "+
			"and was not shown with an intermediate certificate that leads to one: its issuer is %s",
			quote(leaf.Issuer.String()))
	}
	invalid, ok := errors.AsType[x509.CertificateInvalidError](err)
	switch {
	case ok && invalid.Reason == x509.Expired:
		return errorf("a certificate that the client certificate depends on "+
			"is not valid at this time: %s", quote(invalid.Cert.Subject.String()))
	case ok && invalid.Reason == x509.IncompatibleUsage:
		return errorf("the client certificate is neither for TLS clients nor for TLS servers")
	}
	return errorf("the client certificate cannot be verified: %s", quote(err.Error()))
}

// isSubject reports whether a certificate has the expected subject. An expected subject with a "="
// is compared only with the distinguished name, so that a common name such as "CN=a,O=b" does not
// match it. In the distinguished name, commas of the common name are escaped.
func isSubject(leaf *x509.Certificate, expected string) bool {
	if isAmbiguous(leaf.Subject) {
		return false
	}
	if strings.Contains(expected, "=") {
		return leaf.Subject.String() == expected || encodedSubject(leaf) == expected
	}
	isHost := func(name string) bool { return strings.EqualFold(name, expected) }
	return leaf.Subject.CommonName == expected || slices.ContainsFunc(leaf.DNSNames, isHost)
}

// encodedSubject returns the distinguished name in the order of the certificate, as openssl prints
// it with -nameopt RFC2253. [pkix.Name.String] has a fixed order.
func encodedSubject(leaf *x509.Certificate) string {
	var name pkix.RDNSequence
	if rest, err := asn1.Unmarshal(leaf.RawSubject, &name); err != nil || len(rest) > 0 {
		return ""
	}
	return name.String()
}

// The attributes of which [pkix.Name] keeps only the last.
var (
	oidCommonName   = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidSerialNumber = asn1.ObjectIdentifier{2, 5, 4, 5}
)

// isAmbiguous reports whether a name has two common names or serial numbers: some programs use the
// first, others the last.
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

// maxQuoted is how much of a text from a certificate is quoted, in bytes.
const maxQuoted = 300

// quote returns a text from a certificate in quotes. It may have any content, so characters that
// cannot be printed are replaced.
func quote(name string) string {
	return `"` + text.Printable(name[:min(len(name), maxQuoted)]) + `"`
}
