package doctor

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"ackbox/internal/access/certificate"
)

// warnBefore is how long before its expiry a certificate should have been renewed at the latest; see
// [certificate.ExpiresSoon].
const warnBefore = 14 * 24 * time.Hour

// checkCertificate checks the validity periods of the served certificates.
func (e *examination) checkCertificate(context.Context) Check {
	now, leaf := e.Now(), e.served.leaf()
	switch ends := leaf.NotAfter; {
	case now.After(ends):
		return Check{
			Status: Fail, Found: "expired on " + date(ends), Salesforce: reasonValidity,
			Todo: "renew the certificate, make the listener load it, and find out why it was not " +
				"renewed automatically",
		}
	case now.Before(leaf.NotBefore):
		return Check{
			Status: Fail, Found: "not valid before " + date(leaf.NotBefore), Salesforce: reasonValidity,
			Todo: "check the clocks of this machine and of the one that made the certificate, or wait",
		}
	case certificate.ExpiresSoon(leaf.NotBefore, ends, now, warnBefore):
		return Check{
			Status: Warn, Found: fmt.Sprintf("expires on %s, in %s", date(ends), days(ends.Sub(now))),
			Todo: "renew the certificate, or find out why it is not renewed automatically",
		}
	}
	for _, c := range e.served.certificates[1:] {
		if now.After(c.NotAfter) || now.Before(c.NotBefore) {
			return e.invalidIssuer(c)
		}
	}
	return pass("valid until %s, %s from now", date(leaf.NotAfter), days(leaf.NotAfter.Sub(now)))
}

// invalidIssuer returns the check of a served certificate other than the leaf that is not valid
// now.
func (e *examination) invalidIssuer(c *x509.Certificate) Check {
	check := Check{
		Status: Fail, Found: fmt.Sprintf("%s, in the chain, is valid from %s to %s only", name(c),
			date(c.NotBefore),
			date(c.NotAfter)),
		Salesforce: reasonValidity,
		Todo:       "serve the chain that the CA offers now",
	}
	if e.proven() == nil { // there is another chain to a root
		check.Status, check.Salesforce = Warn, ""
	}
	return check
}

// checkHost checks that the certificate is for the URL's host.
func (e *examination) checkHost(context.Context) Check {
	leaf := e.served.leaf()
	if leaf.VerifyHostname(e.host) == nil {
		return pass("the certificate is for %s", e.host)
	}
	check := Check{
		Status: Fail, Found: "the certificate is not for " + e.host + " but for " + names(leaf),
		Salesforce: fmt.Sprintf(reasonHost, e.host),
		Todo:       "get a certificate for this name, or put a name in the certificate into the URL",
	}
	if _, err := netip.ParseAddr(e.host); err == nil {
		check.Todo = "put a host name in the certificate into the URL, not an address"
	}
	return check
}

// names returns the hosts in a certificate's subject alternative names, the only ones that count.
func names(c *x509.Certificate) string {
	const most = 5
	all := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	switch {
	case len(all) == 0:
		return "no host at all (it has no subject alternative names)"
	case len(all) > most:
		all = append(all[:most], fmt.Sprintf("%d more", len(all)-most))
	}
	return printable(strings.Join(all, ", "))
}

// checkTrust checks that a trusted CA has signed the chain. If the certificate does not prove the
// host, it skips the later checks: they would send the URL's secret, and Salesforce would not get
// that far.
func (e *examination) checkTrust(context.Context) Check {
	check := e.trust()
	if e.proven() != nil {
		return e.block("not sent, because the certificate does not prove whose listener this is", check)
	}
	return check
}

func (e *examination) trust() Check {
	s := &e.served
	switch {
	case s.err == nil && e.SalesforceCAs != nil && !s.incomplete():
		return e.listed()
	case s.err == nil && !s.byCA:
		return pass("%s is trusted here; Salesforce has its own list of trusted CAs, which "+
			"--salesforce-cas can check", name(s.chain[len(s.chain)-1]))
	case s.err == nil:
		return Check{
			Status: Warn, Found: name(s.chain[len(s.chain)-1]) +
				" is trusted because of --ca, but not publicly",
			Salesforce: reasonPath, Todo: "get a certificate of a public CA for Salesforce",
		}
	case s.incomplete():
		return Check{Status: Skip, Found: "unknown, because the chain is incomplete"}
	case isInvalid(s.err):
		return Check{Status: Skip, Found: "unknown, because a certificate in the chain is not valid now"}
	case e.PublicCAs.Equal(x509.NewCertPool()):
		return Check{
			Status: Fail, Found: "unknown, because this machine trusts no CA",
			Todo: "install the package ca-certificates here, or give the CA with --ca",
		}
	}
	return e.untrusted()
}

func isInvalid(err error) bool {
	invalid, ok := errors.AsType[x509.CertificateInvalidError](err)
	return ok && invalid.Reason == x509.Expired
}

func (e *examination) untrusted() Check {
	s := &e.served
	check := Check{Status: Fail, Salesforce: reasonPath,
		Todo: "get a certificate of a public CA; for a test, " +
			"give your CA's certificate with --ca"}
	top := s.path[len(s.path)-1]
	_, unknown := errors.AsType[x509.UnknownAuthorityError](s.err)
	switch {
	case isSelfSigned(s.leaf()):
		check.Found = "self-signed: no CA has signed the certificate"
	case !unknown:
		check.Found = "the chain cannot be verified: " + printable(s.err.Error())
	case isSelfSigned(top):
		check.Found = name(top) + " is not a publicly trusted CA"
	default:
		check.Found = printable(commonName(top.Issuer)) +
			", which signed the last certificate in the chain, is not a " +
			"publicly trusted CA, or is a missing intermediate"
	}
	return check
}

func date(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func days(d time.Duration) string {
	switch n := int(d / (24 * time.Hour)); n {
	case 0:
		return "less than a day"
	case 1:
		return "1 day"
	default:
		return fmt.Sprintf("%d days", n)
	}
}
