package certificate_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"testing"
	"time"

	"ackbox/internal/access/certificate/certificatetest"
)

func commonName(value string) pkix.AttributeTypeAndValue {
	return pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: value}
}

func organizationName(value string) pkix.AttributeTypeAndValue {
	return pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, 10}, Value: value}
}

func TestSubjects(t *testing.T) {
	t.Parallel()
	a := testCA()
	withName := func(name pkix.Name) certificatetest.Signer {
		return a.leaf(func(c *x509.Certificate) { c.Subject = name })
	}
	standard := a.leaf(nil)
	hosts := a.leaf(func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: "host"}
		c.DNSNames = []string{"om.salesforce.example", "*.wild.example"}
	})
	withNames := func(parts ...pkix.AttributeTypeAndValue) certificatetest.Signer {
		return withName(pkix.Name{ExtraNames: parts})
	}
	for _, test := range []struct {
		name     string
		expected string
		shown    certificatetest.Signer
		accepted bool
	}{
		{"common name", sender, standard, true},
		{"one of several subjects", "nobody\n" + sender, standard, true},
		{"another common name", "org.example.com", standard, false},
		{"part of the common name", "org", standard, false},
		{"organization in place of the common name", "Example", standard, false},
		{"DNS name", "OM.salesforce.example", hosts, true},
		{"a wildcard is not expanded", "a.wild.example", hosts, false},
		{"name as Go writes it", "CN=org.example,O=Example,C=DE", standard, true},
		{"part of a name", "CN=org.example", standard, false},
		{"name of another organization", "CN=org.example,O=Other,C=DE", standard, false},
		{"whole name in the common name", "CN=org.example,O=Example,C=DE",
			withName(pkix.Name{CommonName: "CN=org.example,O=Example,C=DE"}), false},
		{"rest of the name in the common name", "CN=org.example,O=Example,C=DE",
			withName(pkix.Name{CommonName: "org.example,O=Example,C=DE"}), false},
		{"rest of the name in the organization", "CN=org.example,O=Example,C=DE",
			withName(pkix.Name{CommonName: sender, Organization: []string{"Example,C=DE"}}), false},
		{"name in the order of the certificate", "O=Example,CN=org.example",
			withNames(commonName(sender), organizationName("Example")), true},
		{"two common names, the last expected", sender, withNames(commonName("evil.example"), commonName(sender)), false},
		{"two common names, the first expected", sender, withNames(commonName(sender), commonName("evil.example")), false},
		{"a NUL byte in the common name", sender, withName(pkix.Name{CommonName: sender + "\x00.evil.example"}), false},
		{"empty name", sender, withName(pkix.Name{}), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			clients := bySubject(t, strings.Split(test.expected, "\n")...)
			err := clients.Check(test.shown.Chain(a.issuer), time.Now())
			if accepted := err == nil; accepted != test.accepted {
				t.Errorf("got %v, want accepted %t", err, test.accepted)
			}
			if err != nil && !strings.Contains(err.Error(), "is not expected") {
				t.Errorf("got %q, want an unexpected subject", err)
			}
		})
	}
}
