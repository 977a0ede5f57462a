package doctor

import (
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"slices"
	"strings"
	"time"
)

// served holds the certificates as the listener sent them, and what follows from them.
type served struct {
	certificates []*x509.Certificate // the leaf first
	path         []*x509.Certificate // the leaf, its issuer, and so on, as far as sent
	chain        []*x509.Certificate // the leaf up to a root, when err is nil
	roots        *x509.CertPool      // the pool with that root
	byCA         bool                // roots is Options.CA
	listed       *x509.Certificate   // the CA in Salesforce's list that signed the chain; nil if none
	err          error               // why there is no chain to a root, apart from dates and host
}

func (s *served) leaf() *x509.Certificate { return s.certificates[0] }

// read sets what the checks of the certificates need from the handshake.
func (e *examination) read() {
	s := &e.served
	s.certificates = e.shown.state.PeerCertificates
	s.path = follow(s.certificates)
	at := e.Now() // checkCertificate checks the dates
	if s.leaf().NotAfter.Before(at) {
		at = s.leaf().NotAfter
	}
	if s.leaf().NotBefore.After(at) {
		at = s.leaf().NotBefore
	}
	salesforce := e.salesforceRoots(at)
	s.verify(at, e.PublicCAs, salesforce, e.CA)
	s.byCA = s.err == nil && s.roots == e.CA
	if salesforce != nil {
		if chains, err := s.chains(salesforce, at); err == nil {
			chain := shortest(chains)
			s.listed = chain[len(chain)-1]
		}
	}
}

// verify looks for a chain to a root in one of the pools, in their order. A pool may be nil, but not
// the first, whose error counts if there is no chain.
func (s *served) verify(at time.Time, pools ...*x509.CertPool) {
	for i, roots := range pools {
		if roots == nil {
			continue
		}
		chains, err := s.chains(roots, at)
		if err == nil {
			s.roots, s.chain, s.err = roots, shortest(chains), nil
			return
		}
		if i == 0 {
			s.err = err
		}
	}
}

// chains returns the chains to the roots, with no intermediates but the served certificates.
func (s *served) chains(roots *x509.CertPool, at time.Time) ([][]*x509.Certificate, error) {
	options := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool(), CurrentTime: at}
	for _, c := range s.certificates[1:] {
		options.Intermediates.AddCert(c)
	}
	return s.leaf().Verify(options)
}

func shortest(chains [][]*x509.Certificate) []*x509.Certificate {
	return slices.MinFunc(chains, func(a, b []*x509.Certificate) int { return len(a) - len(b) })
}

// proven returns nil if the certificate proves the host now, as the connections for messages
// require.
func (e *examination) proven() error {
	s := &e.served
	if s.err != nil {
		return s.err
	}
	options := x509.VerifyOptions{
		DNSName: e.host, Roots: s.roots, Intermediates: x509.NewCertPool(), CurrentTime: e.Now(),
	}
	for _, c := range s.certificates[1:] {
		options.Intermediates.AddCert(c)
	}
	_, err := s.leaf().Verify(options)
	return err
}

// checkChain checks the chain against help 000383872: leaf first, each signed by the next, no
// intermediate missing, no root.
func (e *examination) checkChain(context.Context) Check {
	s := &e.served
	const todo = "serve the certificate, then the one that signed it, and so on, without the root " +
		"(a CA offers it as \"full chain\")"
	switch {
	case isSelfSigned(s.leaf()):
		return Check{Status: Skip, Found: "a self-signed certificate has no chain"}
	case s.incomplete():
		return Check{
			Status: Fail, Found: "incomplete: " + s.missing() + " is not among the " + sent(s.certificates),
			Salesforce: reasonPath, Todo: todo + "; browsers fetch what is missing, Salesforce does not",
		}
	case !slices.EqualFunc(s.path, s.certificates[:len(s.path)], (*x509.Certificate).Equal):
		return Check{
			Status: Fail, Found: "in the wrong order: " + subjects(s.certificates) + ", instead of " +
				subjects(s.path),
			Salesforce: reasonPath, Todo: todo,
		}
	case isSelfSigned(s.path[len(s.path)-1]):
		return Check{
			Status: Warn, Found: subjects(s.certificates) + ": the last is the root itself",
			Todo: "omit it: Salesforce has its own roots, and asks not to send any",
		}
	case len(s.certificates) > len(s.path):
		return Check{
			Status: Warn, Found: subjects(s.certificates) + ": not all of them belong to the chain",
			Todo: "omit those that are not part of " + subjects(s.path),
		}
	}
	return pass("complete and in order: %s", subjects(s.certificates))
}

// incomplete reports whether the issuer of the leaf is neither served nor trusted, or an
// intermediate was not served that the system's verifier knows from elsewhere, as on Windows.
func (s *served) incomplete() bool {
	if s.err != nil {
		_, unknown := errors.AsType[x509.UnknownAuthorityError](s.err)
		return unknown && len(s.path) == 1 && !isSelfSigned(s.leaf())
	}
	return s.unserved() != nil
}

// unserved returns the first certificate between leaf and root that was not sent, or nil.
func (s *served) unserved() *x509.Certificate {
	for _, c := range s.chain[1:max(1, len(s.chain)-1)] {
		if !slices.ContainsFunc(s.certificates, c.Equal) {
			return c
		}
	}
	return nil
}

// missing returns the name of the certificate that should have been sent.
func (s *served) missing() string {
	if s.err == nil {
		return name(s.unserved())
	}
	return printable(commonName(s.leaf().Issuer)) + ", which signed the certificate,"
}

// follow returns the leaf, its issuer, that one's issuer and so on, among the certificates that
// were sent.
func follow(certificates []*x509.Certificate) []*x509.Certificate {
	path := certificates[:1:1]
	for {
		last := path[len(path)-1]
		next := slices.IndexFunc(certificates, func(c *x509.Certificate) bool {
			return !slices.ContainsFunc(path, c.Equal) && signed(last, c)
		})
		if next < 0 || isSelfSigned(last) {
			return path
		}
		path = append(path, certificates[next])
	}
}

// signed reports whether the key of by signed c. It accepts any algorithm, because it serves to
// find the order only.
func signed(c, by *x509.Certificate) bool {
	if !bytes.Equal(c.RawIssuer, by.RawSubject) {
		return false
	}
	err := by.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature)
	_, old := errors.AsType[x509.InsecureAlgorithmError](err)
	return err == nil || old || errors.Is(err, x509.ErrUnsupportedAlgorithm)
}

func isSelfSigned(c *x509.Certificate) bool { return signed(c, c) }

// name returns the subject of a certificate for a report.
func name(c *x509.Certificate) string { return printable(commonName(c.Subject)) }

func commonName(n pkix.Name) string {
	if n.CommonName != "" {
		return `"` + n.CommonName + `"`
	}
	return `"` + n.String() + `"`
}

func subjects(certificates []*x509.Certificate) string {
	texts := make([]string, len(certificates))
	for i, c := range certificates {
		texts[i] = name(c)
	}
	return strings.Join(texts, ", ")
}

func sent(certificates []*x509.Certificate) string {
	if len(certificates) == 1 {
		return "certificates sent, of which there is only one"
	}
	return "certificates sent: " + subjects(certificates)
}
