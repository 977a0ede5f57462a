package certificate_test

import (
	"crypto/x509"
	"path/filepath"
	"strings"
	"testing"

	"ackbox/internal/access/certificate"
)

func TestReadCAs(t *testing.T) {
	t.Parallel()
	first, second := testCA().root, otherCA().root
	file := filepath.Join(t.TempDir(), "cas.pem")
	writeFile(t, file, "first\n"+first.PEM()+"second\n"+second.PEM())
	got, err := certificate.ReadCAs(file)
	want := x509.NewCertPool()
	want.AddCert(first.Certificate)
	want.AddCert(second.Certificate)
	if err != nil || !got.Equal(want) {
		t.Errorf("got %v, %v, want both certificates", got, err)
	}
}

func TestReadCAsRejectsFilesThatAreNotOnlyCertificates(t *testing.T) {
	t.Parallel()
	ca := testCA().root
	invalid := strings.ReplaceAll(ca.PEM(), "MI", "AA")
	for _, test := range []struct{ name, content, want string }{
		{"empty", "", "contains no PEM certificate"},
		{"text", "no PEM\n", "contains no PEM certificate"},
		{"invalid certificate", invalid, "PEM block 1 in "},
		{"invalid second certificate", ca.PEM() + invalid, "PEM block 2 in "},
		{"second block cut off", ca.PEM() + ca.PEM()[:200], "cannot be decoded"},
		{"first block cut off", ca.PEM()[:200] + "\n" + ca.PEM(), "cannot be decoded"},
		{"key after the certificate", ca.PEM() + ca.KeyPEM(), "PEM block 2 in "},
	} {
		file := filepath.Join(t.TempDir(), "cas.pem")
		writeFile(t, file, test.content)
		pool, err := certificate.ReadCAs(file)
		if pool != nil || err == nil || !strings.Contains(err.Error(), test.want) ||
			!strings.Contains(err.Error(), file) {
			t.Errorf("%s: got %v, %v, want an error with %q and the file", test.name, pool, err, test.want)
		}
	}
	missing := filepath.Join(t.TempDir(), "missing.pem")
	if _, err := certificate.ReadCAs(missing); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("got %v, want an error with the file", err)
	}
}
