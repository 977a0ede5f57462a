package doctor_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"testing"
	"time"

	"ackbox/internal/access/certificate/certificatetest"
	"ackbox/internal/doctor"
	"ackbox/simulate"

	"github.com/google/go-cmp/cmp"
)

const (
	unverified = "javax.net.ssl.SSLPeerUnverifiedException: sun.security.validator.ValidatorException: PKIX path "
	noPath     = unverified + "building failed"
	invalid    = unverified + "validation failed: java.security.cert.CertPathValidatorException: validity check failed"
	otherHost  = "javax.net.ssl.SSLPeerUnverifiedException: The domain name inbox.example wasn't in the supported set " +
		"of domain names"
)

// versions limits the versions that a listener supports.
func versions(c *tls.Config, lowest, highest uint16) *tls.Config {
	c.MinVersion, c.MaxVersion = lowest, highest
	return c
}

// requireClientCert makes a listener require a client certificate.
func requireClientCert(c *tls.Config, highest uint16) *tls.Config {
	c.ClientAuth, c.MaxVersion = tls.RequireAnyClientCert, highest
	return c
}

// certified is a listener with certain certificates, and the expected report.
type certified struct {
	name   string
	config *tls.Config
	want   []problem
	found  string // a part of the first problem's Found
	posted bool   // whether messages are posted
}

func certificates() []certified {
	a := testAuthority()
	day := 24 * time.Hour
	lasts := func(d time.Duration) certificatetest.Signer {
		return a.leaf(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(d) })
	}
	begins := a.leaf(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(day) })
	named := a.leaf(func(c *x509.Certificate) {
		c.DNSNames = []string{"other.example", "www.other.example"}
	})
	nameless := a.leaf(func(c *x509.Certificate) { c.DNSNames = nil })
	otherCA := certificatetest.NewCA("Other", nil)
	otherLeaf := certificatetest.Sign(&x509.Certificate{DNSNames: []string{host}}, &otherCA)
	below := certificatetest.NewCA("Below", &otherCA)
	far := certificatetest.Sign(&x509.Certificate{DNSNames: []string{host}}, &below)
	old := certificatetest.Sign(&x509.Certificate{
		Subject: a.lower.Certificate.Subject, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
		NotAfter: time.Now().Add(-day),
	}, &a.upper)
	return []certified{
		{"good", a.good(), nil, "", true},
		{"expired", serve(lasts(-day), a.lower, a.upper),
			[]problem{{doctor.Fail, "certificate", invalid}}, "expired on", false},
		{"not yet valid", serve(begins, a.lower, a.upper),
			[]problem{{doctor.Fail, "certificate", invalid}}, "not valid before", false},
		{"expires soon", serve(lasts(3*day+time.Hour), a.lower, a.upper),
			[]problem{{doctor.Warn, "certificate", ""}}, "in 3 days", true},
		{"expired intermediate", serve(certificatetest.Sign(&x509.Certificate{DNSNames: []string{host}},
			&old), old, a.upper),
			[]problem{{doctor.Fail, "certificate", invalid}}, `"Test Lower", in the chain`, false},
		{"another host", serve(named, a.lower, a.upper), []problem{{doctor.Fail, "host", otherHost}},
			"not for inbox.example but for other.example, www.other.example", false},
		{"no host", serve(nameless, a.lower, a.upper), []problem{{doctor.Fail, "host", otherHost}},
			"no host at all", false},
		{"self-signed", serve(selfSigned()), []problem{{doctor.Fail, "trust", noPath}}, "self-signed",
			false},
		{"incomplete", serve(a.leaf(nil)), []problem{{doctor.Fail, "chain", noPath}},
			`incomplete: "Test Lower"`, false},
		{"unknown CA", serve(otherLeaf, otherCA),
			[]problem{{doctor.Warn, "chain", ""}, {doctor.Fail, "trust", noPath}}, "the root itself", false},
		{"unknown CA without its root", serve(far, below), []problem{{doctor.Fail, "trust", noPath}},
			`"Other", which signed the last`, false},
		{"wrong order", serve(a.leaf(nil), a.upper, a.lower), []problem{{doctor.Fail, "chain", noPath}},
			`wrong order: "inbox.example", "Test Upper", "Test Lower", instead of "inbox.example", "Test Lower", "Test Upper"`, true},
		{"root first", serve(a.leaf(nil), a.root, a.lower, a.upper),
			[]problem{{doctor.Fail, "chain", noPath}}, "wrong order", true},
		{"with an expired one", serve(a.leaf(nil), a.lower, a.upper, old),
			[]problem{{doctor.Warn, "certificate", ""}, {doctor.Warn, "chain", ""}},
			`"Test Lower", in the chain`, true},
		{"with the root", serve(a.leaf(nil), a.lower, a.upper, a.root),
			[]problem{{doctor.Warn, "chain", ""}},
			"the last is the root itself", true},
		{"with an unrelated one", serve(a.leaf(nil), a.lower, a.upper, otherCA),
			[]problem{{doctor.Warn, "chain", ""}},
			"not all of them belong", true},
	}
}

func TestCertificatesAreReported(t *testing.T) {
	t.Parallel()
	for _, tt := range certificates() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			report := examine(t, public(listen(t, acks, tt.config)))
			if diff := cmp.Diff(tt.want, problems(report), cmp.AllowUnexported(problem{})); diff != "" {
				t.Fatal(diff)
			}
			if tt.want != nil && !strings.Contains(find(t, report, tt.want[0].name).Found, tt.found) {
				t.Errorf("got %+v, want %q", find(t, report, tt.want[0].name), tt.found)
			}
			if posted := find(t, report, "answer").Status == doctor.Pass; posted != tt.posted {
				t.Errorf("a message was posted: %t", posted)
			}
		})
	}
}

func TestExpiryWarningsFollowTheLifetime(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	a := testAuthority()
	for _, lifetime := range []time.Duration{160 * time.Hour, 45 * day, 64 * day, 200 * day} {
		t.Run(lifetime.String(), func(t *testing.T) {
			t.Parallel()
			issued := time.Now().Truncate(time.Second)
			leaf := a.leaf(func(c *x509.Certificate) {
				c.NotBefore, c.NotAfter = issued, issued.Add(lifetime)
			})
			o := public(listen(t, acks, serve(leaf, a.lower, a.upper)))
			due := min(14*day, lifetime/4)
			for left, want := range map[time.Duration]doctor.Status{
				lifetime: doctor.Pass, lifetime / 3: doctor.Pass, due + time.Minute: doctor.Pass,
				due: doctor.Warn, time.Hour: doctor.Warn,
			} {
				o.Now = func() time.Time { return issued.Add(lifetime - left) }
				if got := find(t, examine(t, o), "certificate"); got.Status != want {
					t.Errorf("got %+v with %s left, want %s", got, left, want)
				}
			}
		})
	}
}

func TestTLSVersions(t *testing.T) {
	t.Parallel()
	a := testAuthority()
	const alert = simulate.ReasonTLS + ": Received fatal alert: protocol_version"
	tests := []struct {
		name   string
		config *tls.Config
		status doctor.Status
		reason string
		found  string
	}{
		{"all", versions(a.good(), tls.VersionTLS10, 0), doctor.Warn, "",
			"TLS 1.3, TLS 1.2, TLS 1.1, TLS 1.0"},
		{"1.2 only", versions(a.good(), tls.VersionTLS12, tls.VersionTLS12), doctor.Pass, "", "TLS 1.2"},
		{"1.3 only", versions(a.good(), tls.VersionTLS13, 0), doctor.Pass, "", "TLS 1.3"},
		{"old only", versions(a.good(), tls.VersionTLS10, tls.VersionTLS11), doctor.Fail, alert,
			"only TLS 1.1, TLS 1.0"},
		{"no certificate", &tls.Config{GetCertificate: noCertificate}, doctor.Fail,
			simulate.ReasonTLS + ": Received fatal alert", "ends the handshake: tls: "},
		{"client certificate required", requireClientCert(a.good(), tls.VersionTLS12), doctor.Fail, "",
			"requires a client certificate"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := find(t, examine(t, public(listen(t, acks, tt.config))), "tls")
			if got.Status != tt.status || got.Salesforce != tt.reason ||
				!strings.Contains(got.Found, tt.found) {
				t.Errorf("got %+v, want %s, %q and %q", got, tt.status, tt.reason, tt.found)
			}
		})
	}
}

func noCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, net.ErrClosed }

func TestInvalidTLSIsReported(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	tests := []struct {
		name, address, reason, found string
	}{
		{"HTTP", listen(t, acks, nil), "javax.net.ssl.SSLException: Unsupported or unrecognized SSL message", "plain HTTP"},
		{"another protocol", listenRaw(t, func(c net.Conn) { _, _ = c.Write([]byte("SSH-2.0-x\r\n")) }),
			simulate.ReasonTLS, "does not speak TLS"},
		{"closed", listenRaw(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 1<<16)) }),
			simulate.ReasonTLS + ": Remote host terminated the handshake", "closes the connection"},
		{"silent", listenRaw(t, func(net.Conn) { <-done }), simulate.ReasonTimeout, "no answer within"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := public(tt.address)
			if tt.name == "silent" {
				o.Timeout = time.Second
			}
			got := find(t, examine(t, o), "tls")
			if got.Status != doctor.Fail || got.Salesforce != tt.reason ||
				!strings.Contains(got.Found, tt.found) {
				t.Errorf("got %+v, want %q and %q", got, tt.reason, tt.found)
			}
		})
	}
}

func TestClientCertificates(t *testing.T) {
	t.Parallel()
	a := testAuthority()
	mine := serve(a.leaf(nil), a.lower).Certificates[0]
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			t.Parallel()
			address := listen(t, acks, requireClientCert(a.good(), version))
			without := examine(t, public(address))
			if named := problems(without); len(named) != 1 || named[0].status != doctor.Fail {
				t.Errorf("without one: %+v", named)
			}
			o := public(address)
			o.Certificate, o.Send = &mine, true
			shown := examine(t, o)
			if named := problems(shown); len(named) != 0 {
				t.Errorf("with one: %+v", named)
			}
			if got := find(t, shown, "tls"); !strings.Contains(got.Found, "one was presented") {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestAPrivateCAIsAWarning(t *testing.T) {
	t.Parallel()
	a := testAuthority()
	o := public(listen(t, acks, a.good()))
	other := certificatetest.NewCA("Public", nil)
	o.PublicCAs, o.CA = x509.NewCertPool(), a.root.Pool()
	o.PublicCAs.AddCert(other.Certificate)
	report := examine(t, o)
	want := []problem{{doctor.Warn, "trust", noPath}}
	if diff := cmp.Diff(want, problems(report), cmp.AllowUnexported(problem{})); diff != "" {
		t.Error(diff)
	}
	if got := find(t, report, "trust"); !strings.Contains(got.Found,
		`"Test Root" is trusted because of --ca`) {
		t.Errorf("got %+v", got)
	}
}

func TestAMachineWithoutCAsIsReported(t *testing.T) {
	t.Parallel()
	a := testAuthority()
	o := public(listen(t, acks, serve(a.leaf(nil), a.lower, a.upper, a.root)))
	o.PublicCAs = x509.NewCertPool()
	if got := find(t, examine(t, o), "trust"); !strings.Contains(got.Todo, "ca-certificates") {
		t.Errorf("got %+v", got)
	}
}
