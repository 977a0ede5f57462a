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
	a := theAuthority()
	named := func(name pkix.Name) certificatetest.Signer {
		return a.leaf(func(c *x509.Certificate) { c.Subject = name })
	}
	usual := a.leaf(nil)
	hosts := a.leaf(func(c *x509.Certificate) {
		c.Subject, c.DNSNames = pkix.Name{CommonName: "host"}, []string{"om.salesforce.example", "*.wild.example"}
	})
	written := func(parts ...pkix.AttributeTypeAndValue) certificatetest.Signer {
		return named(pkix.Name{ExtraNames: parts})
	}
	for _, test := range []struct {
		name     string
		expected string
		shown    certificatetest.Signer
		accepted bool
	}{
		{"common name", sender, usual, true},
		{"one of several", "nobody\n" + sender, usual, true},
		{"another common name", "org.example.com", usual, false},
		{"part of the common name", "org", usual, false},
		{"organization in place of the common name", "Example", usual, false},
		{"DNS name", "OM.salesforce.example", hosts, true},
		{"a wildcard is not expanded", "a.wild.example", hosts, false},
		{"name as Go writes it", "CN=org.example,O=Example,C=DE", usual, true},
		{"part of a name", "CN=org.example", usual, false},
		{"name of another organization", "CN=org.example,O=Other,C=DE", usual, false},
		{"whole name smuggled into the common name", "CN=org.example,O=Example,C=DE",
			named(pkix.Name{CommonName: "CN=org.example,O=Example,C=DE"}), false},
		{"rest of the name smuggled into the common name", "CN=org.example,O=Example,C=DE",
			named(pkix.Name{CommonName: "org.example,O=Example,C=DE"}), false},
		{"rest of the name smuggled into the organization", "CN=org.example,O=Example,C=DE",
			named(pkix.Name{CommonName: sender, Organization: []string{"Example,C=DE"}}), false},
		{"name in the order of the certificate", "O=Example,CN=org.example",
			written(commonName(sender), organizationName("Example")), true},
		{"two common names, the last expected", sender, written(commonName("evil.example"), commonName(sender)), false},
		{"two common names, the first expected", sender, written(commonName(sender), commonName("evil.example")), false},
		{"an end of the text within", sender, named(pkix.Name{CommonName: sender + "\x00.evil.example"}), false},
		{"no name at all", sender, named(pkix.Name{}), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := bySubject(t, strings.Split(test.expected, "\n")...).Check(test.shown.Chain(a.lower), time.Now())
			if accepted := err == nil; accepted != test.accepted {
				t.Errorf("got %v, want it accepted: %t", err, test.accepted)
			}
			if err != nil && !strings.Contains(err.Error(), "is not expected") {
				t.Errorf("got %q, want that the subject is not expected", err)
			}
		})
	}
}
