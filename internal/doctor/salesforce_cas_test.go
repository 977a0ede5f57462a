package doctor_test

import (
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"ackbox/internal/access/certificate/certificatetest"
	"ackbox/internal/doctor"

	"github.com/google/go-cmp/cmp"
)

// colons returns bytes in hex as keytool and openssl print them.
func colons(sum []byte) string {
	return strings.ReplaceAll(fmt.Sprintf("% X", sum), " ", ":")
}

func sha256Of(s certificatetest.Signer) []byte {
	sum := sha256.Sum256(s.Certificate.Raw)
	return sum[:]
}

func sha1Of(s certificatetest.Signer) []byte {
	sum := sha1.Sum(s.Certificate.Raw)
	return sum[:]
}

// listing returns a list of CAs in the form of keytool -list -v.
func listing(cas ...certificatetest.Signer) string {
	text := fmt.Sprintf("Keystore type: jks\n\nYour keystore contains %d entries\n", len(cas))
	for i, ca := range cas {
		text += fmt.Sprintf("\nAlias name: ca%d\nEntry type: trustedCertEntry\n\nOwner: %s\nIssuer: %s\n"+
			"Serial number: %x\nCertificate fingerprints:\n\t SHA1: %s\n\t SHA256: %s\nVersion: 3\n"+
			"KeyIdentifier [\n0000: 28 C4 5C 13 07 B0 6C 15   6A 98 1B 2B 9B 84 A9 E3  (.\\...l.j..+....\n]\n",
			i, ca.Certificate.Subject, ca.Certificate.Issuer, ca.Certificate.SerialNumber,
			colons(sha1Of(ca)), colons(sha256Of(ca)))
	}
	return text
}

// inUTF16 returns a text as PowerShell writes it.
func inUTF16(text string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune("\ufeff" + text)) {
		b.Write([]byte{byte(unit), byte(unit >> 8)})
	}
	return b.String()
}

// readList returns the list in a file with this content.
func readList(tb testing.TB, content string) (*doctor.SalesforceCAs, error) {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "salesforce-cas.txt")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
	return doctor.ReadSalesforceCAs(file)
}

// crossSign returns the certificate of a CA with the same name and key, signed by another CA.
func crossSign(tb testing.TB, ca, by certificatetest.Signer) certificatetest.Signer {
	tb.Helper()
	der, err := x509.CreateCertificate(rand.Reader, ca.Certificate, by.Certificate, ca.Key.Public(), by.Key)
	if err != nil {
		tb.Fatal(err)
	}
	cross, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return certificatetest.Signer{Certificate: cross, Key: ca.Key}
}

// listed is a list of the CAs that Salesforce trusts, with the expected result of the check trust.
type listed struct {
	name, list string
	config     *tls.Config
	configure  func(*doctor.Options)
	status     doctor.Status
	found      string // a part of it
}

func lists(tb testing.TB) []listed {
	tb.Helper()
	a, other := testAuthority(), certificatetest.NewCA("Other Root", nil)
	good, own := a.good(), a.leaf(nil)
	const in = `"Test Root" is in the list of `
	const notIn = `the chain leads to "Test Root", which is not in the list of `
	both := listing(other, a.root)
	unknown := func(o *doctor.Options) { o.PublicCAs = other.Pool() }
	privately := func(o *doctor.Options) { o.PublicCAs, o.CA = other.Pool(), a.root.Pool() }
	across := serve(own, a.lower, crossSign(tb, a.upper, other))
	return []listed{
		{"PEM", other.PEM(a.root), good, nil, doctor.Pass, in + "2 CAs"},
		{"PEM of others", other.PEM(), good, nil, doctor.Fail, notIn + "1 CA"},
		{"PEM of an intermediate", a.upper.PEM(), good, nil, doctor.Pass, `"Test Upper" is in the list`},
		{"PEM, not trusted here", other.PEM(a.root), good, unknown, doctor.Pass, in + "2 CAs"},
		{"PEM of another chain's root", other.PEM(), across, nil, doctor.Pass, `"Other Root" is in`},
		{"listing", both, good, nil, doctor.Pass, in + "2 CAs"},
		{"listing of others", listing(other), good, nil, doctor.Fail, notIn + "1 CA"},
		{"listing in UTF-16", inUTF16(both), good, nil, doctor.Pass, in + "2 CAs"},
		{"listing, private CA", both, good, privately, doctor.Pass, in + "2 CAs"},
		{"listing of others, private CA", listing(other), good, privately, doctor.Fail, notIn + "1 CA"},
		{"listing, root served", both, serve(own, a.lower, a.upper, a.root), unknown, doctor.Pass, in},
		{"listing of another chain's root", listing(other), across, func(o *doctor.Options) {
			o.PublicCAs.AddCert(other.Certificate)
		}, doctor.Pass, `"Other Root" is in`},
		{"listing of the certificate itself", listing(own), serve(own, a.lower, a.upper), nil,
			doctor.Fail, notIn},
		{"page", fmt.Sprintf("<html><td>Test Root</td><td>%s</td></html>", colons(sha1Of(a.root))), good,
			nil, doctor.Pass, in + "1 CA"},
		{"no space", "SHA1:" + colons(sha1Of(a.root)) + "\r\n", good, nil, doctor.Pass, in + "1 CA"},
		{"table", fmt.Sprintf("name,sha256\nTest Root,%x\n", sha256Of(a.root)), good, nil, doctor.Pass,
			in + "1 CA"},
		{"incomplete chain", both, serve(own), nil, doctor.Skip, "the chain is incomplete"},
		{"self-signed", both, serve(selfSigned()), nil, doctor.Fail, "self-signed"},
	}
}

func TestChainsAreCheckedAgainstSalesforcesCAs(t *testing.T) {
	t.Parallel()
	const path = "javax.net.ssl.SSLPeerUnverifiedException: sun.security.validator.ValidatorException: " +
		"PKIX path building failed"
	for _, tt := range lists(t) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := public(listen(t, acks, tt.config))
			o.PublicCAs = o.PublicCAs.Clone()
			if tt.configure != nil {
				tt.configure(&o)
			}
			var err error
			if o.SalesforceCAs, err = readList(t, tt.list); err != nil {
				t.Fatal(err)
			}
			report := examine(t, o)
			got := find(t, report, "trust")
			if got.Status != tt.status || !strings.Contains(got.Found, tt.found) {
				t.Errorf("got %+v, want %s and %q", got, tt.status, tt.found)
			}
			if (tt.status == doctor.Fail) != (got.Salesforce == path) {
				t.Errorf("got the reason %q with %s", got.Salesforce, got.Status)
			}
			if posted := find(t, report, "answer").Status == doctor.Pass; tt.status == doctor.Pass && !posted {
				t.Errorf("no message was posted: %+v", report)
			}
		})
	}
}

func TestAFileWithoutCAsIsRejected(t *testing.T) {
	t.Parallel()
	ca := testAuthority().root
	for name, test := range map[string]struct{ content, want string }{
		"empty":          {"", "contains no certificate in PEM"},
		"login page":     {"<html><title>Login</title>", "contains no certificate in PEM"},
		"only MD5":       {"MD5: " + colons(sha256Of(ca)[:16]), "no SHA-256 or SHA-1 fingerprint"},
		"too long":       {colons(sha256Of(ca))[3:] + ":0", "no SHA-256 or SHA-1 fingerprint"},
		"SHA-512":        {strings.Repeat("0123456789abcdef", 8), "no SHA-256 or SHA-1 fingerprint"},
		"cut off PEM":    {ca.PEM()[:200], "cannot be decoded"},
		"key":            {ca.PEM() + ca.KeyPEM(), "PEM block 2"},
		"broken in PEM":  {strings.ReplaceAll(ca.PEM(), "MI", "AA"), "PEM block 1"},
		"names, no hash": {"Owner: CN=Test Root\nSerial number: 1f", "contains no certificate in PEM"},
	} {
		list, err := readList(t, test.content)
		if list != nil || err == nil || !strings.Contains(err.Error(), test.want) ||
			!strings.Contains(err.Error(), "salesforce-cas.txt") {
			t.Errorf("%s: got %v, %v, want an error with %q and the file", name, list, err, test.want)
		}
	}
	missing := filepath.Join(t.TempDir(), "missing.txt")
	if _, err := doctor.ReadSalesforceCAs(missing); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("got %v, want an error with the file", err)
	}
}

// Without a list, and with one that has the CA, the rest of the report is the same.
func TestAListChangesOnlyTheCheckOfTrust(t *testing.T) {
	t.Parallel()
	a := testAuthority()
	o := public(listen(t, acks, serve(a.leaf(nil), a.lower, a.upper, a.root)))
	without := problems(examine(t, o))
	var err error
	if o.SalesforceCAs, err = readList(t, a.root.PEM()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(without, problems(examine(t, o)), cmp.AllowUnexported(problem{})); diff != "" {
		t.Error(diff)
	}
}
