package e2e_test

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"ackbox/internal/access/certificate/certificatetest"
	"ackbox/soap"
)

// pretender claims the public key of a certificate but signs with another key.
type pretender struct {
	crypto.Signer
	public crypto.PublicKey
}

func (p pretender) Public() crypto.PublicKey { return p.public }

// strangers returns the certificates of clients that try to pass for the sender.
func strangers(pinned certificatetest.Signer) map[string]*tls.Certificate {
	ca := authority()
	strange := certificatetest.NewCA("Test CA", nil)
	ended := *pinned.Certificate
	ended.NotBefore, ended.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-time.Hour)
	smuggled := &x509.Certificate{Subject: pkix.Name{
		CommonName: "CN=" + senderName, Organization: []string{senderName},
	}}
	return map[string]*tls.Certificate{
		"none":                        nil,
		"its own with the same name":  newSender(nil).Shown(),
		"by a CA with the same name":  newSender(&strange).Shown(strange),
		"by the CA for another":       newServerCertificate().Shown(ca),
		"with the name in the name":   certificatetest.Sign(smuggled, &ca).Shown(),
		"ended":                       certificatetest.Sign(&ended, &ca).Shown(),
		"with the sender's behind it": newSender(nil).Shown(pinned),
	}
}

func TestStrangersCertificatesAreRefusedWhenEnforced(t *testing.T) {
	t.Parallel()
	ca := authority()
	pinned, signed := newSender(nil), newSender(&ca)
	each(t, func(t *testing.T, database string) {
		in := install(t, "DATABASE_URL="+database, "ACKBOX_CLIENT_CERT_MODE=enforce",
			"ACKBOX_CLIENT_FINGERPRINT="+pinned.Fingerprint(), "ACKBOX_CLIENT_SUBJECT="+senderName)
		in.secure()
		in.set("ACKBOX_CLIENT_CA", in.write("ca.pem", ca.PEM()))
		in.add("crm", "--org", organization)
		s := in.serve()
		s.ready() // /readyz needs no certificate
		requireAck(t, postBy(t, showing(pinned.Shown()), s.url("crm"), one("0001")))
		requireAck(t, postBy(t, showing(signed.Shown()), s.url("crm"), one("0001")))
		refused := strangers(pinned)
		for name, shown := range refused {
			t.Run(name, func(t *testing.T) {
				got := postBy(t, showing(shown), s.url("crm"), one("0002"),
					"X-Client-Cert", escaped(pinned), "Client-Cert", "x")
				checkFault(t, got, http.StatusForbidden, soap.FaultClient)
			})
		}
		forged := pinned.Shown()
		forged.PrivateKey = pretender{newSender(nil).Key, pinned.Certificate.PublicKey}
		if got := postBy(t, showing(forged), s.url("crm"), one("0002")); got.status != 0 {
			t.Errorf("without the key of the certificate: got %+v, want no connection", got)
		}
		if got := s.export(); len(got) != 1 {
			t.Errorf("got %d notifications, want that of the sender", len(got))
		}
		checkReported(t, s, "client_certificate", http.StatusForbidden, len(refused))
	})
}

func TestStrangersCertificatesAreReportedInReportMode(t *testing.T) {
	t.Parallel()
	pinned := newSender(nil)
	each(t, func(t *testing.T, database string) {
		in := install(t, "DATABASE_URL="+database, "ACKBOX_CLIENT_FINGERPRINT="+pinned.Fingerprint())
		in.secure()
		in.add("crm")
		s := in.serve()
		s.ready()
		requireAck(t, postBy(t, showing(pinned.Shown()), s.url("crm"), one("0001")))
		taken := strangers(pinned)
		for _, shown := range taken {
			requireAck(t, postBy(t, showing(shown), s.url("crm"), one("0001")))
		}
		checkReported(t, s, "client_certificate", http.StatusOK, len(taken))
	})
}

// In report mode the operator sees which certificate the sender shows, and can pin it.
func TestReportModeShowsTheCertificateToPin(t *testing.T) {
	t.Parallel()
	sender := newSender(nil)
	each(t, func(t *testing.T, database string) {
		in := install(t, "DATABASE_URL="+database, "ACKBOX_CLIENT_CERT_MODE=report")
		in.secure()
		in.add("crm")
		s := in.serve()
		s.ready()
		requireAck(t, postBy(t, showing(sender.Shown()), s.url("crm"), one("0001")))
		requireAck(t, postBy(t, showing(nil), s.url("crm"), one("0002")))
		checkReported(t, s, "client_certificate", http.StatusOK, 2)
		var seen struct{ Source, Fingerprint, Subject, Chain, Verdict string }
		eventually(t, testTimeout, "the certificate is listed", func() bool {
			return json.Unmarshal([]byte(s.ok("certificates", "--json")), &seen) == nil
		})
		if seen.Source != "crm" || seen.Fingerprint != sender.Fingerprint() ||
			seen.Chain != sender.PEM() || !strings.Contains(seen.Subject, senderName) ||
			seen.Verdict == "accepted" {
			t.Errorf("got %+v", seen)
		}
		s.kill9()
		s.set("ACKBOX_CLIENT_CERT_MODE", "enforce")
		s.set("ACKBOX_CLIENT_FINGERPRINT", seen.Fingerprint)
		s.restart()
		s.ready()
		requireAck(t, postBy(t, showing(sender.Shown()), s.url("crm"), one("0003")))
		checkFault(t, postBy(t, showing(nil), s.url("crm"), one("0004")), 403, soap.FaultClient)
		eventually(t, testTimeout, "the certificate is accepted", func() bool {
			return strings.Contains(s.ok("certificates"), "accepted")
		})
	})
}

// A client that knows the URL can show any chain. No more of it is recorded than the length of a
// legitimate chain.
func TestALongChainIsRememberedByItsBeginning(t *testing.T) {
	t.Parallel()
	sender := newSender(nil)
	in := install(t, "ACKBOX_CLIENT_CERT_MODE=report", "DATABASE_URL=sqlite:ackbox.db")
	in.secure()
	in.add("crm")
	s := in.serve()
	s.ready()
	requireAck(t, postBy(t, showing(sender.Shown(newLong(20<<10))), s.url("crm"), one("0001")))
	var seen []listedCertificate
	eventually(t, testTimeout, "the certificate is listed", func() bool {
		seen = decodeLines[listedCertificate](t, s.ok("certificates", "--json"))
		return len(seen) == 1
	})
	if seen[0].Chain != sender.PEM() {
		t.Errorf("got a chain of %d bytes, want only the certificate of the sender",
			len(seen[0].Chain))
	}
}

// /readyz warns of a certificate before it expires, also after a restart.
func TestReadyzWarnsOfCertificatesThatEndSoon(t *testing.T) {
	t.Parallel()
	ending := certificatetest.Sign(&x509.Certificate{
		NotAfter: time.Now().Add(5*24*time.Hour + time.Hour),
	}, nil)
	in := install(t, "ACKBOX_CLIENT_FINGERPRINT="+ending.Fingerprint(), "METRICS_TOKEN="+metricsToken,
		"DATABASE_URL=sqlite:ackbox.db")
	in.secure()
	in.add("crm")
	s := in.serve()
	s.ready()
	requireAck(t, postBy(t, showing(ending.Shown()), s.url("crm"), one("0001")))
	warned := func() bool {
		return strings.Contains(get(t, s.base()+"/readyz").body, "the first in 5 days")
	}
	eventually(t, testTimeout, "a warning", warned)
	page := get(t, s.base()+"/metrics", "Authorization", "Bearer "+metricsToken).body
	if !strings.Contains(page, `ackbox_client_certificate_not_after_seconds{source="crm"} `) ||
		!strings.Contains(page, "ackbox_tls_certificate_not_after_seconds ") {
		t.Error("the metrics do not show when the certificates expire")
	}
	eventually(t, testTimeout, "the certificate is recorded", func() bool {
		return strings.Contains(s.ok("certificates"), "accepted")
	})
	s.kill9()
	s.restart()
	s.ready()
	eventually(t, testTimeout, "a warning after a restart", warned)
}

func TestTheServersCertificateIsReadAgainWhenItChanges(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.secure()
	s := in.serve()
	s.ready()
	shown := func() string {
		config := &tls.Config{RootCAs: authority().Pool()}
		conn, err := tls.Dial("tcp", strings.TrimPrefix(s.base(), "https://"), config)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		peer := conn.ConnectionState().PeerCertificates[0]
		return certificatetest.Signer{Certificate: peer}.Fingerprint()
	}
	renewed := newServerCertificate()
	in.write("key.pem", renewed.KeyPEM()) // until the next line the key does not match the certificate
	in.write("cert.pem", renewed.PEM())
	eventually(t, withinRefresh, "the renewed certificate", func() bool {
		return shown() == renewed.Fingerprint()
	})
	in.write("cert.pem", "invalid")
	eventually(t, withinRefresh, "a warning", func() bool {
		return strings.Contains(get(t, s.base()+"/readyz").body, "certificate")
	})
	if shown() != renewed.Fingerprint() {
		t.Error("an invalid file replaced the certificate")
	}
}

func escaped(s certificatetest.Signer) string { return url.QueryEscape(s.PEM()) }

func TestACertificateInAHeaderCountsOnlyFromATrustedProxy(t *testing.T) {
	t.Parallel()
	pinned, other := newSender(nil), newSender(nil)
	escape := func(s certificatetest.Signer) string {
		return strings.ReplaceAll(escaped(s), "+", "%20")
	}
	for _, trusted := range []bool{true, false} {
		in := install(t, "ACKBOX_CLIENT_FINGERPRINT="+pinned.Fingerprint(),
			"ACKBOX_CLIENT_CERT_MODE=enforce", "ACKBOX_CLIENT_CERT_HEADER=X-Client-Cert",
			"DATABASE_URL=sqlite:ackbox.db", "TRUSTED_PROXIES=192.0.2.1")
		if trusted {
			in.set("TRUSTED_PROXIES", "127.0.0.1")
		}
		in.secure()
		in.add("crm")
		s := in.serve()
		s.ready()
		for name, test := range map[string]struct {
			shown  *tls.Certificate
			header []string
			acked  bool // if the proxy is trusted
		}{
			"pinned":                    {nil, []string{"X-Client-Cert", escape(pinned)}, true},
			"another":                   {nil, []string{"X-Client-Cert", escape(other)}, false},
			"invalid":                   {nil, []string{"X-Client-Cert", "%zz"}, false},
			"in another header":         {nil, []string{"Client-Cert", escape(pinned)}, false},
			"of the proxy's connection": {pinned.Shown(), nil, false},
		} {
			got := postBy(t, showing(test.shown), s.url("crm"), one("0001"), test.header...)
			if want := test.acked && trusted; (got.status == 200) != want {
				t.Errorf("%s, trusted %v: got %+v, want acked %v", name, trusted, got, want)
			}
		}
		if got := twice(t, s.url("crm"), escape(pinned), escape(other)); got.status == 200 {
			t.Errorf("two headers: got %+v", got)
		}
	}
}

// twice posts a message with two certificate headers, as when a proxy adds its own to that of a
// client.
func twice(t *testing.T, url string, first, second string) answer {
	t.Helper()
	body := bytes.NewReader(one("0001"))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header["X-Client-Cert"] = []string{first, second}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	return read(response)
}

func TestInvalidAccessSettingsAreRefused(t *testing.T) {
	t.Parallel()
	in := install(t, "PORT=0")
	c := newServerCertificate()
	cert, key := in.write("cert.pem", c.PEM()), in.write("key.pem", c.KeyPEM())
	other := in.write("other.pem", newServerCertificate().KeyPEM())
	invalid := in.write("invalid.pem", "invalid")
	secured := []string{"--tls-cert", cert, "--tls-key", key}
	for name, test := range map[string]struct {
		flags []string
		want  string // a part of the error
	}{
		"a key alone":            {[]string{"--tls-key", key}, "TLS_CERT"},
		"no such file":           {[]string{"--tls-cert", cert, "--tls-key", key + "x"}, "no such file"},
		"another's key":          {[]string{"--tls-cert", cert, "--tls-key", other}, "private key"},
		"invalid":                {[]string{"--tls-cert", invalid, "--tls-key", key}, "PEM"},
		"no address":             {[]string{"--trusted-proxies", "proxy.example"}, "trusted proxy"},
		"no range":               {[]string{"--allowed-ranges", "198.51.100.0/99"}, "198.51.100.0/99"},
		"ranges in clear":        {[]string{"--allowed-ranges", "http://example.test/ip-ranges.json"}, "https"},
		"a mode without ranges":  {[]string{"--allowed-ranges-mode", "enforce"}, "--allowed-ranges"},
		"no mode":                {[]string{"--allowed-ranges", senderRange, "--allowed-ranges-mode", "on"}, "enforce"},
		"nothing expected":       {append(secured, "--client-cert-mode", "enforce"), "--client-fingerprint"},
		"no TLS":                 {[]string{"--client-fingerprint", c.Fingerprint()}, "TLS_CERT"},
		"no fingerprint":         {append(secured, "--client-fingerprint", "abcd"), "64 hex digits"},
		"a CA without a subject": {append(secured, "--client-ca", cert), "subject"},
		"a subject without a CA": {append(secured, "--client-subject", senderName), "CAs"},
		"a CA that is none":      {append(secured, "--client-ca", invalid, "--client-subject", senderName), "PEM"},
		"a header without a proxy": {
			append(secured,
				"--client-cert-header", "X-Client-Cert", "--client-fingerprint", c.Fingerprint()),
			"TRUSTED_PROXIES",
		},
		"a header behind Heroku's router": {
			[]string{
				"--client-cert-header", "X-Client-Cert", "--client-fingerprint", c.Fingerprint(),
				"--trusted-proxies", "192.0.2.1, heroku",
			}, "heroku",
		},
	} {
		got := in.cli(append([]string{"serve"}, test.flags...)...)
		if got.code != 2 || !strings.Contains(got.stderr, test.want) {
			t.Errorf("%s: got %+v, want exit code 2 and %q", name, got, test.want)
		}
	}
}
