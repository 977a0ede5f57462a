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

// proxy is the address of the trusted proxy.
const proxy = "192.0.2.7"

// behindProxy returns Clients as bySubject(tb, sender) does, with a header of the trusted proxy.
func behindProxy(tb testing.TB, header string) *certificate.Clients {
	tb.Helper()
	return newClients(tb, certificate.ClientsConfig{
		CAFile: testCA().file(tb), Subjects: []string{sender},
		Header: header, Proxies: trusting(tb, proxy),
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

// newRequest returns a request from an address, with headers in pairs of a name and a value.
func newRequest(peer string, headers ...string) *http.Request {
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

// escaped returns PEM as nginx and Envoy write it.
func escaped(signers ...certificatetest.Signer) string {
	var text strings.Builder
	for _, s := range signers {
		text.WriteString(certificate.EncodePEM(s.Chain()))
	}
	escape := strings.NewReplacer("\n", "%0A", " ", "%20", "+", "%2B", "/", "%2F", "=", "%3D")
	return escape.Replace(text.String())
}

// escapedByALB returns PEM as AWS's load balancers write it: "+", "=" and "/" are not escaped.
func escapedByALB(signers ...certificatetest.Signer) string {
	return strings.NewReplacer("%2B", "+", "%2F", "/", "%3D", "=").Replace(escaped(signers...))
}

// forwarded returns Envoy's header.
func forwarded(leaf certificatetest.Signer, others ...certificatetest.Signer) string {
	chain := append([]certificatetest.Signer{leaf}, others...)
	return `By=spiffe://a/b;Hash=` + leaf.Fingerprint() + `;Cert="` + escaped(leaf) +
		`";Chain="` + escaped(chain...) +
		`";Subject="CN=a\",Cert=\"x;";URI=;DNS=a.example;DNS=b.example`
}

const anyHeader = "X-Client-Cert"

func TestHeaderFormats(t *testing.T) {
	t.Parallel()
	a := testCA()
	leaf := a.leaf(nil)
	for strings.Count(der(leaf), "+") == 0 { // which the formats escape differently
		leaf = a.leaf(nil)
	}
	for _, test := range []struct{ name, header, value, chain string }{
		{"RFC 9440", "Client-Cert", byteSequence(leaf), byteSequence(a.issuer)},
		{"RFC 9440, any case", "client-cert", byteSequence(leaf), byteSequence(a.root) + " , " + byteSequence(a.issuer)},
		{"nginx", anyHeader, escaped(leaf, a.issuer), ""},
		{"nginx without the last newline", anyHeader, strings.TrimSuffix(escaped(leaf, a.issuer), "%0A"), ""},
		{"AWS ALB", "X-Amzn-Mtls-Clientcert", escapedByALB(leaf, a.issuer), ""},
		{"Traefik", "X-Forwarded-Tls-Client-Cert", der(leaf) + "," + der(a.issuer), ""},
		{"Traefik, escaped", "X-Forwarded-Tls-Client-Cert", url.QueryEscape(der(leaf) + "," + der(a.issuer)), ""},
		{"Envoy", "X-Forwarded-Client-Cert", forwarded(leaf, a.issuer), ""},
		{"Envoy, chain alone", "X-Forwarded-Client-Cert", "hash=" + strings.ToUpper(leaf.Fingerprint()) +
			";chain=" + escaped(leaf, a.issuer), ""},
		{"surrounding spaces", anyHeader, " " + der(leaf) + "," + der(a.issuer) + " ", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRequest(proxy, test.header, test.value)
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

// HAProxy does not pass on a chain.
func TestHeaderWithoutChain(t *testing.T) {
	t.Parallel()
	leaf := testCA().leaf(nil)
	clients := newClients(t, certificate.ClientsConfig{
		Fingerprints: []string{leaf.Fingerprint()}, Header: anyHeader, Proxies: trusting(t, proxy),
	})
	for _, value := range []string{
		byteSequence(leaf), escaped(leaf), escapedByALB(leaf), der(leaf), `Cert="` + escaped(leaf) + `"`,
	} {
		chain, err := clients.Shown(newRequest(proxy, anyHeader, value))
		if err != nil || clients.Check(chain, time.Now()) != nil {
			t.Errorf("%.20s: got %d certificates, %v, want it accepted", value, len(chain), err)
		}
	}
}

func TestHeadersThatProveNothing(t *testing.T) {
	t.Parallel()
	leaf := testCA().leaf(nil)
	clients := behindProxy(t, anyHeader)
	connection := &tls.ConnectionState{PeerCertificates: leaf.Chain(testCA().issuer)}
	for name, r := range map[string]*http.Request{
		"from a client":                      newRequest("198.51.100.1", anyHeader, der(leaf)),
		"from a client that names the proxy": newRequest("198.51.100.1", anyHeader, der(leaf), "X-Forwarded-For", proxy),
		"none":                               newRequest(proxy),
		"empty":                              newRequest(proxy, anyHeader, " "),
		"another header":                     newRequest(proxy, "Client-Cert", byteSequence(leaf)),
		"only a chain":                       newRequest(proxy, "Client-Cert-Chain", byteSequence(leaf)),
	} {
		// The certificate of the connection is the proxy's.
		for _, state := range []*tls.ConnectionState{nil, connection} {
			r.TLS = state
			if chain, err := clients.Shown(r); chain != nil || err != nil {
				t.Errorf("%s: got %d certificates, %v, want none", name, len(chain), err)
			}
		}
	}
}

func TestHeaderTakesPrecedenceOverConnection(t *testing.T) {
	t.Parallel()
	client, other := testCA().leaf(nil), testCA().leaf(nil)
	r := newRequest(proxy, anyHeader, der(client))
	r.TLS = &tls.ConnectionState{PeerCertificates: other.Chain()}
	chain, err := behindProxy(t, anyHeader).Shown(r)
	if err != nil || len(chain) != 1 || !chain[0].Equal(client.Certificate) {
		t.Errorf("got %d certificates, %v, want that of the header", len(chain), err)
	}
	chain, err = bySubject(t, sender).Shown(r) // without the setting the header is ignored
	if err != nil || len(chain) != 1 || !chain[0].Equal(other.Certificate) {
		t.Errorf("got %d certificates, %v, want that of the connection", len(chain), err)
	}
	r.TLS = nil
	if chain, err = bySubject(t, sender).Shown(r); chain != nil || err != nil {
		t.Errorf("got %d certificates, %v without TLS and Header, want none", len(chain), err)
	}
}

func TestHeadersThatAreRefused(t *testing.T) {
	t.Parallel()
	a := testCA()
	leaf, evil := a.leaf(nil), otherCA().leaf(nil)
	named := otherCA().leaf(func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: sender} })
	sameName := certificatetest.NewCA(a.issuer.Certificate.Subject.CommonName, nil)
	huge := hugeKey()
	const more = "more than one element"
	for _, test := range []struct {
		name, want string
		headers    []string
	}{
		{"two headers", "more than once", []string{anyHeader, der(leaf), anyHeader, der(leaf)}},
		{"two headers, one empty", "more than once", []string{anyHeader, "", anyHeader, der(leaf)}},
		{"too long", "longer than 16384 bytes", []string{anyHeader, strings.Repeat("A", 16<<10+1)}},
		{"garbage", "no certificate", []string{anyHeader, "(null)"}},
		{"base64 of garbage", "no certificate", []string{anyHeader, "AAAA"}},
		{"two byte sequences", "no certificate", []string{anyHeader, byteSequence(leaf) + ", " + byteSequence(evil)}},
		{"an unclosed byte sequence", "no certificate", []string{anyHeader, ":" + der(leaf)}},
		{"data after the certificate", "no certificate", []string{anyHeader,
			base64.StdEncoding.EncodeToString(slices.Concat(leaf.Certificate.Raw, []byte{0}))}},
		{"a chain with garbage", "no certificate", []string{anyHeader, der(leaf) + ",AAAA"}},
		{"appended to what a client sent", "are no chain", []string{anyHeader, der(leaf) + "," + der(evil)}},
		{"appended by a CA of the same name", "are no chain", []string{anyHeader, der(leaf) + "," + der(sameName)}},
		{"appended with a space", "no certificate", []string{anyHeader, der(leaf) + ", " + der(evil)}},
		{"PEM appended with a comma", "no certificate", []string{anyHeader, escaped(leaf) + "," + escaped(evil)}},
		{"PEM appended with a comma and a space", "no certificate", []string{anyHeader,
			strings.TrimSuffix(escaped(leaf), "%0A") + ", " + escaped(evil)}},
		{"a key that is slow to verify", "more than 8192 bits", []string{anyHeader, der(leaf) + "," + der(huge)}},
		{"a slow key in PEM", "more than 8192 bits", []string{anyHeader, escaped(leaf, huge)}},
		{"an invalid escape", "no certificate", []string{anyHeader, escaped(leaf) + "%zz"}},
		{"a key", "no certificate", []string{anyHeader, url.PathEscape(leaf.KeyPEM())}},
		{"an invalid block before the certificate", "no certificate",
			[]string{anyHeader, "-----BEGIN%20CERTIFICATE-----%0A!%0A" + escaped(leaf)}},
		{"elements, the client's first", more, []string{anyHeader, forwarded(leaf) + "," + forwarded(evil)}},
		{"elements, the client's last", more, []string{anyHeader, forwarded(evil) + "," + forwarded(leaf)}},
		{"an empty element first", more, []string{anyHeader, "By=," + forwarded(leaf)}},
		{"a name that ends its quotes", "names more than one", []string{anyHeader,
			"Hash=" + evil.Fingerprint() + `;Cert="` + escaped(evil) + `";Subject="";Cert="` + escaped(leaf) + `"`}},
		{"a name with a certificate", "hash of another", []string{anyHeader,
			"Hash=" + named.Fingerprint() + `;URI=x;Cert="` + escaped(leaf) + `"`}},
		{"a chain of another certificate", "chain of another", []string{anyHeader,
			`Cert="` + escaped(evil) + `";Chain="` + escaped(leaf) + `"`}},
		{"no certificate in the element", "holds no certificate", []string{anyHeader, "By=a;Hash=" + leaf.Fingerprint()}},
		{"an unclosed quote", "no certificate", []string{anyHeader, `Cert="` + escaped(leaf)}},
		{"text after a quote", "no certificate", []string{anyHeader, `Cert="` + escaped(leaf) + `"x`}},
		{"an unknown key", "no certificate", []string{anyHeader, `Cert="` + escaped(leaf) + `";Other=1`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			chain, err := behindProxy(t, anyHeader).Shown(newRequest(proxy, test.headers...))
			requireProblem(t, err, test.want)
			if chain != nil {
				t.Errorf("got %d certificates with the error, want none", len(chain))
			}
		})
	}
	_, err := behindProxy(t, "Client-Cert").Shown(newRequest(proxy, "Client-Cert", byteSequence(leaf),
		"Client-Cert-Chain", der(a.issuer)))
	requireProblem(t, err, "no certificate")
	_, err = behindProxy(t, "Client-Cert").Shown(newRequest(proxy, "Client-Cert", byteSequence(leaf),
		"Client-Cert-Chain", byteSequence(a.issuer),
		"Client-Cert-Chain", strings.Repeat("A", 16<<10)))
	requireProblem(t, err, "too long")
}

// hugeKey returns a certificate for an RSA public key without a private key.
func hugeKey() certificatetest.Signer {
	a := testCA()
	c := template(func(c *x509.Certificate) {
		c.SerialNumber, c.NotAfter = big.NewInt(1), time.Now().Add(time.Hour)
	})
	n := new(big.Int).Lsh(big.NewInt(1), 8192)
	key := &rsa.PublicKey{N: n.Add(n, big.NewInt(1)), E: 65537}
	der := must(x509.CreateCertificate(rand.Reader, c, a.issuer.Certificate, key, a.issuer.Key))
	return certificatetest.Signer{Certificate: must(x509.ParseCertificate(der))}
}

// requireProblem fails unless the error is an Error whose problem contains a text.
func requireProblem(tb testing.TB, err error, want string) {
	tb.Helper()
	if e, ok := errors.AsType[*certificate.Error](err); !ok || !strings.Contains(e.Problem, want) {
		tb.Errorf("got %v, want an Error with %q", err, want)
	}
}

// A certificate that was parsed is the same after it is encoded in each format and parsed again.
func FuzzCertificateHeader(f *testing.F) {
	a := testCA()
	leaf := a.leaf(nil)
	for _, seed := range []string{
		"", "(null)", ":", "::", byteSequence(leaf), escaped(leaf, a.issuer), escapedByALB(leaf),
		der(leaf) + "," + der(a.issuer), forwarded(leaf, a.issuer),
		forwarded(leaf) + "," + forwarded(leaf), `Cert="`, `By="\"`, "Hash=;", "%", "-----BEGIN",
	} {
		f.Add(seed)
	}
	clients := newClients(f, certificate.ClientsConfig{Header: anyHeader, Proxies: trusting(f, proxy)})
	f.Fuzz(func(t *testing.T, value string) {
		chain, err := clients.Shown(newRequest(proxy, anyHeader, value))
		if err != nil {
			if _, ok := errors.AsType[*certificate.Error](err); !ok || chain != nil {
				t.Fatalf("got %d certificates, %v, want only an Error", len(chain), err)
			}
			return
		}
		_ = clients.Check(chain, time.Now())
		for i, certificate := range chain {
			s := certificatetest.Signer{Certificate: certificate}
			for _, encoded := range []string{
				byteSequence(s), escaped(s), escapedByALB(s), der(s), `Cert="` + escaped(s) + `"`,
			} {
				again, err := clients.Shown(newRequest(proxy, anyHeader, encoded))
				if err != nil || len(again) != 1 || !again[0].Equal(certificate) {
					t.Fatalf("certificate %d as %.10s: got %d certificates, %v, want the same one",
						i, encoded, len(again), err)
				}
			}
		}
	})
}
