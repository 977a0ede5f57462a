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

func TestNewClientsRejectsUnsafeConfiguration(t *testing.T) {
	t.Parallel()
	ca := testCA().file(t)
	empty, broken := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	writeFile(t, empty, "no PEM\n")
	writeFile(t, broken, strings.ReplaceAll(certificate.EncodePEM(testCA().root.Chain()), "MI", "AA"))
	subjects := []string{sender}
	pin := testCA().root.Fingerprint()
	for _, test := range []struct {
		name   string
		config certificate.ClientsConfig
		want   string
	}{
		{"CAs without a subject", certificate.ClientsConfig{CAFile: ca}, "needs an expected subject"},
		{"subject without CAs", certificate.ClientsConfig{Subjects: subjects}, "needs a file of CAs"},
		{"empty subject", certificate.ClientsConfig{CAFile: ca, Subjects: []string{sender, " "}}, "is empty"},
		{"missing file", certificate.ClientsConfig{CAFile: "/no/such.pem", Subjects: subjects}, "/no/such.pem"},
		{"file without PEM", certificate.ClientsConfig{CAFile: empty, Subjects: subjects}, "contains no PEM certificate"},
		{"invalid certificate", certificate.ClientsConfig{CAFile: broken, Subjects: subjects}, "PEM block 1 in " + broken},
		{"header without proxies", certificate.ClientsConfig{Header: anyHeader}, "needs a trusted proxy"},
		{
			"header with an empty list of proxies",
			certificate.ClientsConfig{Header: anyHeader, Proxies: trusting(t)}, "needs a trusted",
		},
		{"short fingerprint", certificate.ClientsConfig{Fingerprints: []string{pin[:62]}}, "64 hex digits"},
		{"SHA-1", certificate.ClientsConfig{Fingerprints: []string{pin, pin[:40]}}, "64 hex digits"},
		{"empty fingerprint", certificate.ClientsConfig{Fingerprints: []string{""}}, "64 hex digits"},
		{"fingerprint not in hex", certificate.ClientsConfig{Fingerprints: []string{pin[:63] + "g"}}, "64 hex digits"},
	} {
		_, err := certificate.NewClients(test.config)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
}

func TestFingerprintFormats(t *testing.T) {
	t.Parallel()
	s := testCA().leaf(nil)
	plain := s.Fingerprint()
	var colons []string
	for i := 0; i < len(plain); i += 2 {
		colons = append(colons, plain[i:i+2])
	}
	for _, text := range []string{
		plain, strings.ToUpper(plain), strings.ToUpper(strings.Join(colons, ":")),
	} {
		clients := newClients(t, certificate.ClientsConfig{Fingerprints: []string{text}})
		if err := clients.Check(s.Chain(), time.Now()); err != nil {
			t.Errorf("%s: got %v, want it accepted", text, err)
		}
	}
}

func TestValidityAtTheGivenTime(t *testing.T) {
	t.Parallel()
	a := testCA()
	s := a.leaf(nil)
	from, to := s.Certificate.NotBefore, s.Certificate.NotAfter
	early := "is not valid before " + from.Format(time.DateOnly)
	late := "has ended on " + to.Format(time.DateOnly)
	for _, clients := range []*certificate.Clients{byPin(t, s), bySubject(t, sender)} {
		for _, test := range []struct {
			at   time.Time
			want string
		}{
			{time.Now(), ""}, {from.Add(-time.Second), early}, {to.Add(time.Second), late}, {time.Now(), ""},
		} {
			err := clients.Check(s.Chain(a.issuer), test.at)
			if test.want != "" {
				requireProblem(t, err, test.want)
			} else if err != nil {
				t.Errorf("%s: got %v, want it accepted", test.at, err)
			}
		}
	}
}

// A cached chain is rejected after an intermediate expired, and it accepts no other chain.
func TestAcceptedChainIsCheckedAgain(t *testing.T) {
	t.Parallel()
	a := testCA()
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
		err := clients.Check(s.Chain(soon), time.Now().Add(2*time.Hour))
		requireProblem(t, err, `time: "CN=Short CA"`)
		requireProblem(t, clients.Check(s.Chain(), time.Now()), "is signed by none of the CAs")
		selfSigned := certificatetest.Sign(template(nil), nil)
		err = clients.Check(selfSigned.Chain(soon), time.Now())
		requireProblem(t, err, "is signed by none of the CAs")
	}
}

func TestCheckUnderConcurrency(t *testing.T) {
	t.Parallel()
	a, clients := testCA(), bySubject(t, sender)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 { // in all more than the cache holds
				s := a.leaf(nil)
				for range 2 {
					if err := clients.Check(s.Chain(a.issuer), time.Now()); err != nil {
						t.Errorf("got %v, want it accepted", err)
					}
				}
			}
		})
	}
	all.Wait()
}

// A certificate may have any names, which get into a Fault, a log and a terminal.
func TestProblemIsPrintable(t *testing.T) {
	t.Parallel()
	a := testCA()
	s := a.leaf(func(c *x509.Certificate) {
		c.Subject.CommonName = "\x1b[2J\r\nlevel=INFO \u202e]]>\x00" + strings.Repeat("ä", 300)
	})
	err := bySubject(t, sender).Check(s.Chain(a.issuer), time.Now())
	requireProblem(t, err, "is not expected")
	if got := err.Error(); strings.ContainsAny(got, "\x00\x1b\r\n\u202e") || len(got) > 600 {
		t.Errorf("got %q, want a short printable line", got)
	}
}

// BenchmarkCheck uses chains of three certificates, as those of public CAs.
func BenchmarkCheck(b *testing.B) {
	a := testCA()
	ecdsaLeaf := a.leaf(nil)
	root, rootKey := rsaCertificate(nil, nil)
	intermediate, intermediateKey := rsaCertificate(root, rootKey)
	leaf, _ := rsaCertificate(intermediate, intermediateKey)
	file := filepath.Join(b.TempDir(), "ca.pem")
	writeFile(b, file, certificate.EncodePEM([]*x509.Certificate{root}))
	rsaClients := newClients(b, certificate.ClientsConfig{CAFile: file, Subjects: []string{sender}})
	for _, test := range []struct {
		name    string
		clients *certificate.Clients
		chain   []*x509.Certificate
	}{
		{"pinned", byPin(b, ecdsaLeaf), ecdsaLeaf.Chain()},
		{"ECDSA P-256", bySubject(b, sender), ecdsaLeaf.Chain(a.issuer)},
		{"RSA 2048", rsaClients, []*x509.Certificate{leaf, intermediate}},
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

// rsaCertificate returns a certificate of the sender that can sign others, self-signed if by is nil.
func rsaCertificate(
	by *x509.Certificate, byKey *rsa.PrivateKey,
) (*x509.Certificate, *rsa.PrivateKey) {
	key := must(rsa.GenerateKey(rand.Reader, 2048))
	c := template(func(c *x509.Certificate) {
		c.SerialNumber, c.NotAfter = big.NewInt(1), time.Now().Add(time.Hour)
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	})
	c.Subject.OrganizationalUnit = []string{must(rand.Int(rand.Reader, big.NewInt(1<<62))).String()}
	if by == nil {
		by, byKey = c, key
	}
	der := must(x509.CreateCertificate(rand.Reader, c, by, key.Public(), byKey))
	return must(x509.ParseCertificate(der)), key
}
