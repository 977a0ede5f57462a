package certificate_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"ackbox/internal/access/address"
	"ackbox/internal/access/certificate"
	"ackbox/internal/access/certificate/certificatetest"
)

// proxy is the address of the trusted one.
const proxy = "192.0.2.7"

// behindProxy expects what bySubject does, in a header of the trusted proxy.
func behindProxy(tb testing.TB, header string) *certificate.Clients {
	tb.Helper()
	return expect(tb, certificate.ClientsConfig{
		CAFile: theAuthority().file(tb), Subjects: []string{sender}, Header: header, Proxies: trusting(tb, proxy),
	})
}

func trusting(tb testing.TB, list ...string) *address.Proxies {
	tb.Helper()
	proxies, err := address.ParseProxies(list)
	if err != nil {
		tb.Fatal(err)
	}
	return proxies
}

// passedOn is a request that comes from an address, with headers in pairs of a name and a value.
func passedOn(peer string, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/outbound/x", nil)
	r.RemoteAddr = peer + ":4711"
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func der(s certificatetest.Signer) string {
	return base64.StdEncoding.EncodeToString(s.Certificate.Raw)
}

func byteSequence(s certificatetest.Signer) string { return ":" + der(s) + ":" }

// escaped is PEM as nginx and Envoy write it.
func escaped(signers ...certificatetest.Signer) string {
	var text strings.Builder
	for _, s := range signers {
		text.WriteString(certificate.EncodePEM(s.Chain()))
	}
	return strings.NewReplacer("\n", "%0A", " ", "%20", "+", "%2B", "/", "%2F", "=", "%3D").Replace(text.String())
}

// ofALB is PEM as AWS's load balancers write it: "+", "=" and "/" stay.
func ofALB(signers ...certificatetest.Signer) string {
	return strings.NewReplacer("%2B", "+", "%2F", "/", "%3D", "=").Replace(escaped(signers...))
}

// forwarded is Envoy's header.
func forwarded(leaf certificatetest.Signer, others ...certificatetest.Signer) string {
	return `By=spiffe://a/b;Hash=` + leaf.Fingerprint() + `;Cert="` + escaped(leaf) + `";Chain="` +
		escaped(append([]certificatetest.Signer{leaf}, others...)...) + `";Subject="CN=a\",Cert=\"x;";URI=;DNS=a.example;DNS=b.example`
}

const anyHeader = "X-Client-Cert"

func TestFormsOfTheHeader(t *testing.T) {
	t.Parallel()
	a := theAuthority()
	leaf := a.leaf(nil)
	for strings.Count(der(leaf), "+") == 0 { // the character that forms differ about
		leaf = a.leaf(nil)
	}
	for _, test := range []struct{ name, header, value, chain string }{
		{"RFC 9440", "Client-Cert", byteSequence(leaf), byteSequence(a.lower)},
		{"RFC 9440, any case", "client-cert", byteSequence(leaf), byteSequence(a.root) + " , " + byteSequence(a.lower)},
		{"nginx", anyHeader, escaped(leaf, a.lower), ""},
		{"nginx without the last line's end", anyHeader, strings.TrimSuffix(escaped(leaf, a.lower), "%0A"), ""},
		{"AWS ALB", "X-Amzn-Mtls-Clientcert", ofALB(leaf, a.lower), ""},
		{"Traefik", "X-Forwarded-Tls-Client-Cert", der(leaf) + "," + der(a.lower), ""},
		{"Traefik, escaped", "X-Forwarded-Tls-Client-Cert", url.QueryEscape(der(leaf) + "," + der(a.lower)), ""},
		{"Envoy", "X-Forwarded-Client-Cert", forwarded(leaf, a.lower), ""},
		{"Envoy, chain alone", "X-Forwarded-Client-Cert", "hash=" + strings.ToUpper(leaf.Fingerprint()) +
			";chain=" + escaped(leaf, a.lower), ""},
		{"spaces around", anyHeader, " " + der(leaf) + "," + der(a.lower) + " ", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := passedOn(proxy, test.header, test.value)
			if test.chain != "" {
				r.Header.Add("Client-Cert-Chain", test.chain)
			}
			clients := behindProxy(t, test.header)
			chain, err := clients.Shown(r)
			if err != nil || len(chain) == 0 || !chain[0].Equal(leaf.Certificate) {
				t.Fatalf("got %d certificates, %v, want the client's first", len(chain), err)
			}
			if err := clients.Check(chain, time.Now()); err != nil {
				t.Errorf("got %v, want it accepted with its intermediate", err)
			}
		})
	}
}

// HAProxy passes on no chain.
func TestACertificateAloneInTheHeader(t *testing.T) {
	t.Parallel()
	leaf := theAuthority().leaf(nil)
	clients := expect(t, certificate.ClientsConfig{
		Fingerprints: []string{leaf.Fingerprint()}, Header: anyHeader, Proxies: trusting(t, proxy),
	})
	for _, value := range []string{
		byteSequence(leaf), escaped(leaf), ofALB(leaf), der(leaf), `Cert="` + escaped(leaf) + `"`,
	} {
		chain, err := clients.Shown(passedOn(proxy, anyHeader, value))
		if err != nil || clients.Check(chain, time.Now()) != nil {
			t.Errorf("%.20s: got %d certificates, %v, want it accepted", value, len(chain), err)
		}
	}
}

func TestHeadersThatProveNothing(t *testing.T) {
	t.Parallel()
	leaf := theAuthority().leaf(nil)
	clients := behindProxy(t, anyHeader)
	connection := &tls.ConnectionState{PeerCertificates: leaf.Chain(theAuthority().lower)}
	for name, r := range map[string]*http.Request{
		"of a client":                      passedOn("198.51.100.1", anyHeader, der(leaf)),
		"of a client that names the proxy": passedOn("198.51.100.1", anyHeader, der(leaf), "X-Forwarded-For", proxy),
		"none":                             passedOn(proxy),
		"empty":                            passedOn(proxy, anyHeader, " "),
		"another one":                      passedOn(proxy, "Client-Cert", byteSequence(leaf)),
		"a chain alone":                    passedOn(proxy, "Client-Cert-Chain", byteSequence(leaf)),
	} {
		for _, state := range []*tls.ConnectionState{nil, connection} { // a certificate of the connection is the proxy's
			r.TLS = state
			if chain, err := clients.Shown(r); chain != nil || err != nil {
				t.Errorf("%s: got %d certificates, %v, want none", name, len(chain), err)
			}
		}
	}
}

func TestTheHeaderCountsBeforeTheConnection(t *testing.T) {
	t.Parallel()
	client, other := theAuthority().leaf(nil), theAuthority().leaf(nil)
	r := passedOn(proxy, anyHeader, der(client))
	r.TLS = &tls.ConnectionState{PeerCertificates: other.Chain()}
	chain, err := behindProxy(t, anyHeader).Shown(r)
	if err != nil || len(chain) != 1 || !chain[0].Equal(client.Certificate) {
		t.Errorf("got %d certificates, %v, want that of the header", len(chain), err)
	}
	chain, err = bySubject(t, sender).Shown(r) // and without the setting, no header does
	if err != nil || len(chain) != 1 || !chain[0].Equal(other.Certificate) {
		t.Errorf("got %d certificates, %v, want that of the connection", len(chain), err)
	}
	r.TLS = nil
	if chain, err = bySubject(t, sender).Shown(r); chain != nil || err != nil {
		t.Errorf("got %d certificates, %v without TLS and without the setting, want none", len(chain), err)
	}
}

func TestHeadersThatAreRefused(t *testing.T) {
	t.Parallel()
	a := theAuthority()
	leaf, evil := a.leaf(nil), anotherOfItsOwn().leaf(nil)
	named := anotherOfItsOwn().leaf(func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: sender} })
	imposter := certificatetest.NewCA(a.lower.Certificate.Subject.CommonName, nil)
	huge := hugeKey()
	const more = "more than one element"
	for _, test := range []struct {
		name, want string
		headers    []string
	}{
		{"twice", "more than once", []string{anyHeader, der(leaf), anyHeader, der(leaf)}},
		{"twice, once empty", "more than once", []string{anyHeader, "", anyHeader, der(leaf)}},
		{"too long", "longer than 16384 bytes", []string{anyHeader, strings.Repeat("A", 16<<10+1)}},
		{"garbage", "no certificate", []string{anyHeader, "(null)"}},
		{"base64 of garbage", "no certificate", []string{anyHeader, "AAAA"}},
		{"two byte sequences", "no certificate", []string{anyHeader, byteSequence(leaf) + ", " + byteSequence(evil)}},
		{"a byte sequence that is not closed", "no certificate", []string{anyHeader, ":" + der(leaf)}},
		{"more after the certificate", "no certificate", []string{anyHeader,
			base64.StdEncoding.EncodeToString(slices.Concat(leaf.Certificate.Raw, []byte{0}))}},
		{"a chain with garbage", "no certificate", []string{anyHeader, der(leaf) + ",AAAA"}},
		{"appended to what a client sent", "are no chain", []string{anyHeader, der(leaf) + "," + der(evil)}},
		{"appended by one who calls itself the CA", "are no chain", []string{anyHeader, der(leaf) + "," + der(imposter)}},
		{"appended with a space", "no certificate", []string{anyHeader, der(leaf) + ", " + der(evil)}},
		{"PEM appended with a comma", "no certificate", []string{anyHeader, escaped(leaf) + "," + escaped(evil)}},
		{"PEM appended with a comma and a space", "no certificate", []string{anyHeader,
			strings.TrimSuffix(escaped(leaf), "%0A") + ", " + escaped(evil)}},
		{"a key that takes long to verify with", "more than 8192 bits", []string{anyHeader, der(leaf) + "," + der(huge)}},
		{"the same in PEM", "more than 8192 bits", []string{anyHeader, escaped(leaf, huge)}},
		{"a bad escape", "no certificate", []string{anyHeader, escaped(leaf) + "%zz"}},
		{"a key", "no certificate", []string{anyHeader, url.PathEscape(leaf.KeyPEM())}},
		{"a broken block before the certificate", "no certificate",
			[]string{anyHeader, "-----BEGIN%20CERTIFICATE-----%0A!%0A" + escaped(leaf)}},
		{"elements, the client's first", more, []string{anyHeader, forwarded(leaf) + "," + forwarded(evil)}},
		{"elements, the client's last", more, []string{anyHeader, forwarded(evil) + "," + forwarded(leaf)}},
		{"an element of nothing first", more, []string{anyHeader, "By=," + forwarded(leaf)}},
		{"a name that closes its quotes", "names more than one", []string{anyHeader,
			"Hash=" + evil.Fingerprint() + `;Cert="` + escaped(evil) + `";Subject="";Cert="` + escaped(leaf) + `"`}},
		{"a name that brings a certificate", "hash of another", []string{anyHeader,
			"Hash=" + named.Fingerprint() + `;URI=x;Cert="` + escaped(leaf) + `"`}},
		{"a chain of another certificate", "chain of another", []string{anyHeader,
			`Cert="` + escaped(evil) + `";Chain="` + escaped(leaf) + `"`}},
		{"no certificate in the element", "holds no certificate", []string{anyHeader, "By=a;Hash=" + leaf.Fingerprint()}},
		{"an open quote", "no certificate", []string{anyHeader, `Cert="` + escaped(leaf)}},
		{"text after a quote", "no certificate", []string{anyHeader, `Cert="` + escaped(leaf) + `"x`}},
		{"an unknown key", "no certificate", []string{anyHeader, `Cert="` + escaped(leaf) + `";Other=1`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			chain, err := behindProxy(t, anyHeader).Shown(passedOn(proxy, test.headers...))
			requireProblem(t, err, test.want)
			if chain != nil {
				t.Errorf("got %d certificates with the error, want none", len(chain))
			}
		})
	}
	_, err := behindProxy(t, "Client-Cert").Shown(passedOn(proxy, "Client-Cert", byteSequence(leaf),
		"Client-Cert-Chain", der(a.lower)))
	requireProblem(t, err, "no certificate")
	_, err = behindProxy(t, "Client-Cert").Shown(passedOn(proxy, "Client-Cert", byteSequence(leaf),
		"Client-Cert-Chain", byteSequence(a.lower), "Client-Cert-Chain", strings.Repeat("A", 16<<10)))
	requireProblem(t, err, "too long")
}

// hugeKey is a certificate for an RSA key that nobody has.
func hugeKey() certificatetest.Signer {
	a := theAuthority()
	c := template(func(c *x509.Certificate) { c.SerialNumber, c.NotAfter = big.NewInt(1), time.Now().Add(time.Hour) })
	key := &rsa.PublicKey{N: new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), 8192), big.NewInt(1)), E: 65537}
	der := created(x509.CreateCertificate(rand.Reader, c, a.lower.Certificate, key, a.lower.Key))
	return certificatetest.Signer{Certificate: created(x509.ParseCertificate(der))}
}

// requireProblem fails unless the error is one for a Fault, with the words.
func requireProblem(tb testing.TB, err error, want string) {
	tb.Helper()
	if e, ok := errors.AsType[*certificate.Error](err); !ok || !strings.Contains(e.Problem, want) {
		tb.Errorf("got %v, want a Error with %q", err, want)
	}
}

// What is accepted is the same certificate when it is written again, in any form.
func FuzzCertificateHeader(f *testing.F) {
	a := theAuthority()
	leaf := a.leaf(nil)
	for _, seed := range []string{
		"", "(null)", ":", "::", byteSequence(leaf), escaped(leaf, a.lower), ofALB(leaf), der(leaf) + "," + der(a.lower),
		forwarded(leaf, a.lower), forwarded(leaf) + "," + forwarded(leaf), `Cert="`, `By="\"`, "Hash=;", "%", "-----BEGIN",
	} {
		f.Add(seed)
	}
	clients := expect(f, certificate.ClientsConfig{Header: anyHeader, Proxies: trusting(f, proxy)})
	f.Fuzz(func(t *testing.T, value string) {
		chain, err := clients.Shown(passedOn(proxy, anyHeader, value))
		if err != nil {
			if _, ok := errors.AsType[*certificate.Error](err); !ok || chain != nil {
				t.Fatalf("got %d certificates, %v, want a Error alone", len(chain), err)
			}
			return
		}
		_ = clients.Check(chain, time.Now())
		for i, certificate := range chain {
			s := certificatetest.Signer{Certificate: certificate}
			for _, form := range []string{byteSequence(s), escaped(s), ofALB(s), der(s), `Cert="` + escaped(s) + `"`} {
				again, err := clients.Shown(passedOn(proxy, anyHeader, form))
				if err != nil || len(again) != 1 || !again[0].Equal(certificate) {
					t.Fatalf("certificate %d as %.10s: got %d certificates, %v, want the same one", i, form, len(again), err)
				}
			}
		}
	})
}
