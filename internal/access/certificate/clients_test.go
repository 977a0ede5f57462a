package certificate_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ackbox/internal/access/certificate"
	"ackbox/internal/access/certificate/certificatetest"
)

func TestSettingsThatLeaveTheDoorOpenAreRefused(t *testing.T) {
	t.Parallel()
	ca, empty, broken := theAuthority().file(t), filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	writeFile(t, empty, "no PEM\n")
	writeFile(t, broken, strings.ReplaceAll(certificate.EncodePEM(theAuthority().root.Chain()), "MI", "AA"))
	subjects := []string{sender}
	pin := theAuthority().root.Fingerprint()
	for _, test := range []struct {
		name   string
		config certificate.ClientsConfig
		want   string
	}{
		{"CAs for anybody", certificate.ClientsConfig{CAFile: ca}, "needs the subject"},
		{"a subject signed by anybody", certificate.ClientsConfig{Subjects: subjects}, "needs a file of CAs"},
		{"a subject of nobody", certificate.ClientsConfig{CAFile: ca, Subjects: []string{sender, " "}}, "is empty"},
		{"no such file", certificate.ClientsConfig{CAFile: "/no/such.pem", Subjects: subjects}, "/no/such.pem"},
		{"no certificate", certificate.ClientsConfig{CAFile: empty, Subjects: subjects}, "contains no PEM certificate"},
		{"a broken one", certificate.ClientsConfig{CAFile: broken, Subjects: subjects}, "PEM block 1 in " + broken},
		{"a header of anybody", certificate.ClientsConfig{Header: anyHeader}, "needs a trusted proxy"},
		{"a header of no proxy", certificate.ClientsConfig{Header: anyHeader, Proxies: trusting(t)}, "needs a trusted"},
		{"a short pin", certificate.ClientsConfig{Fingerprints: []string{pin[:62]}}, "64 hex digits"},
		{"a SHA-1", certificate.ClientsConfig{Fingerprints: []string{pin, pin[:40]}}, "64 hex digits"},
		{"no pin", certificate.ClientsConfig{Fingerprints: []string{""}}, "64 hex digits"},
		{"no hex", certificate.ClientsConfig{Fingerprints: []string{pin[:63] + "g"}}, "64 hex digits"},
	} {
		if _, err := certificate.NewClients(test.config); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
}

func TestFingerprintsAsToolsPrintThem(t *testing.T) {
	t.Parallel()
	s := theAuthority().leaf(nil)
	plain := s.Fingerprint()
	var colons []string
	for i := 0; i < len(plain); i += 2 {
		colons = append(colons, plain[i:i+2])
	}
	for _, text := range []string{plain, strings.ToUpper(plain), strings.ToUpper(strings.Join(colons, ":"))} {
		clients := expect(t, certificate.ClientsConfig{Fingerprints: []string{text}})
		if err := clients.Check(s.Chain(), time.Now()); err != nil {
			t.Errorf("%s: got %v, want it accepted", text, err)
		}
	}
}

func TestValidityIsOfTheMomentGiven(t *testing.T) {
	t.Parallel()
	a := theAuthority()
	s := a.leaf(nil)
	from, to := s.Certificate.NotBefore, s.Certificate.NotAfter
	early, late := "is not valid before "+from.Format(time.DateOnly), "has ended on "+to.Format(time.DateOnly)
	for _, clients := range []*certificate.Clients{byPin(t, s), bySubject(t, sender)} {
		for _, test := range []struct {
			at   time.Time
			want string
		}{
			{time.Now(), ""}, {from.Add(-time.Second), early}, {to.Add(time.Second), late}, {time.Now(), ""},
		} {
			err := clients.Check(s.Chain(a.lower), test.at)
			if test.want != "" {
				requireProblem(t, err, test.want)
			} else if err != nil {
				t.Errorf("%s: got %v, want it accepted", test.at, err)
			}
		}
	}
}

// What was found right a moment ago is not for ever: neither when a certificate above has ended, nor with others.
func TestAChainThatWasAcceptedIsCheckedAgain(t *testing.T) {
	t.Parallel()
	a := theAuthority()
	soon := certificatetest.Sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "Short CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(time.Hour),
	}, &a.root)
	s := certificatetest.Sign(template(nil), &soon)
	clients := bySubject(t, sender)
	for range 2 {
		if err := clients.Check(s.Chain(soon), time.Now()); err != nil {
			t.Errorf("got %v, want it accepted", err)
		}
		requireProblem(t, clients.Check(s.Chain(soon), time.Now().Add(2*time.Hour)), `time: "CN=Short CA"`)
		requireProblem(t, clients.Check(s.Chain(), time.Now()), "is signed by none of the CAs")
		stranger := certificatetest.Sign(template(nil), nil)
		requireProblem(t, clients.Check(stranger.Chain(soon), time.Now()), "is signed by none of the CAs")
	}
}

func TestManyChainsAtOnce(t *testing.T) {
	t.Parallel()
	a, clients := theAuthority(), bySubject(t, sender)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 { // more than are remembered
				s := a.leaf(nil)
				for range 2 {
					if err := clients.Check(s.Chain(a.lower), time.Now()); err != nil {
						t.Errorf("got %v, want it accepted", err)
					}
				}
			}
		})
	}
	all.Wait()
}

// Whoever made the certificate wrote its names: they end up in a Fault, in a log and on a terminal.
func TestProblemsCanBePrinted(t *testing.T) {
	t.Parallel()
	a := theAuthority()
	s := a.leaf(func(c *x509.Certificate) {
		c.Subject.CommonName = "\x1b[2J\r\nlevel=INFO \u202e]]>\x00" + strings.Repeat("ä", 300)
	})
	err := bySubject(t, sender).Check(s.Chain(a.lower), time.Now())
	requireProblem(t, err, "is not expected")
	if got := err.Error(); strings.ContainsAny(got, "\x00\x1b\r\n\u202e") || len(got) > 600 {
		t.Errorf("got %q, want a short line that can be printed", got)
	}
}

// BenchmarkCheck is with a chain of three, as public CAs make them.
func BenchmarkCheck(b *testing.B) {
	a := theAuthority()
	elliptic := a.leaf(nil)
	root, rootKey := rsaCertificate(nil, nil)
	lower, lowerKey := rsaCertificate(root, rootKey)
	leaf, _ := rsaCertificate(lower, lowerKey)
	file := filepath.Join(b.TempDir(), "ca.pem")
	writeFile(b, file, certificate.EncodePEM([]*x509.Certificate{root}))
	ofRSA := expect(b, certificate.ClientsConfig{CAFile: file, Subjects: []string{sender}})
	for _, test := range []struct {
		name    string
		clients *certificate.Clients
		chain   []*x509.Certificate
	}{
		{"pinned", byPin(b, elliptic), elliptic.Chain()},
		{"ECDSA P-256", bySubject(b, sender), elliptic.Chain(a.lower)},
		{"RSA 2048", ofRSA, []*x509.Certificate{leaf, lower}},
	} {
		b.Run(test.name, func(b *testing.B) {
			for b.Loop() {
				if err := test.clients.Check(test.chain, time.Now()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// rsaCertificate makes a certificate that may sign others, by itself when by is nil.
func rsaCertificate(by *x509.Certificate, byKey *rsa.PrivateKey) (*x509.Certificate, *rsa.PrivateKey) {
	key := created(rsa.GenerateKey(rand.Reader, 2048))
	c := template(func(c *x509.Certificate) {
		c.SerialNumber, c.NotAfter = big.NewInt(1), time.Now().Add(time.Hour)
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	})
	c.Subject.OrganizationalUnit = []string{created(rand.Int(rand.Reader, big.NewInt(1<<62))).String()}
	if by == nil {
		by, byKey = c, key
	}
	return created(x509.ParseCertificate(created(x509.CreateCertificate(rand.Reader, c, by, key.Public(), byKey)))), key
}
