package certificate

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

const (
	// maxHeader is the maximum length of a header with certificates, in bytes.
	maxHeader = 16 << 10
	// The headers of RFC 9440. Only these have a second header for the chain.
	headerClientCert      = "Client-Cert"
	headerClientCertChain = "Client-Cert-Chain"
)

// errUnreadable is the error of a header in an unknown format.
var errUnreadable = errors.New("holds no certificate in a form that is known")

// certificatesInHeader parses the header of a trusted proxy. More than one header is an error: a
// proxy that adds its own to the client's has passed on what anyone can send.
func certificatesInHeader(header http.Header, name string) ([]*x509.Certificate, error) {
	values := header.Values(name)
	switch {
	case len(values) > 1:
		return nil, errorf("the header %s came more than once: "+
			"let the proxy replace what a client sends there", name)
	case len(values) == 0 || strings.TrimSpace(values[0]) == "":
		return nil, nil
	case len(values[0]) > maxHeader:
		return nil, errorf("the header %s is longer than %d bytes", name, maxHeader)
	}
	chain, err := parseCertificates(strings.TrimSpace(values[0]))
	if err == nil && strings.EqualFold(name, headerClientCert) {
		var others []*x509.Certificate
		others, err = intermediatesInHeader(header)
		chain = append(chain, others...)
	}
	if err != nil {
		return nil, errorf("the header %s %s", name, err)
	}
	return chain, nil
}

// intermediatesInHeader parses Client-Cert-Chain, a list that may be split into several headers
// (RFC 9440, 2.3). Some may be a client's: intermediates alone prove nothing.
func intermediatesInHeader(header http.Header) (chain []*x509.Certificate, err error) {
	list := strings.TrimSpace(strings.Join(header.Values(headerClientCertChain), ","))
	switch {
	case list == "":
		return nil, nil
	case len(list) > maxHeader:
		return nil, errors.New("comes with a chain that is too long")
	}
	for item := range strings.SplitSeq(list, ",") {
		certificate, err := parseByteSequence(strings.TrimSpace(item))
		if err != nil {
			return nil, err
		}
		chain = append(chain, certificate)
	}
	return chain, nil
}

// parseCertificates parses certificates in any of the formats, which differ in how they begin.
func parseCertificates(text string) ([]*x509.Certificate, error) {
	switch {
	case strings.HasPrefix(text, ":"):
		certificate, err := parseByteSequence(text)
		return []*x509.Certificate{certificate}, err
	case isForwardedClientCert(text):
		return parseForwardedClientCert(text)
	case strings.HasPrefix(text, "-----BEGIN"):
		return parseEscapedPEM(text)
	}
	return parseBase64(text)
}

// parseByteSequence parses :base64:, the format of Client-Cert (RFC 9440, 2.1).
func parseByteSequence(text string) (*x509.Certificate, error) {
	inner, hasPrefix := strings.CutPrefix(text, ":")
	inner, hasSuffix := strings.CutSuffix(inner, ":")
	if !hasPrefix || !hasSuffix {
		return nil, errUnreadable
	}
	return parseDER(inner)
}

// parseEscapedPEM parses PEM with URL escapes, one certificate or a chain: nginx's
// $ssl_client_escaped_cert, and AWS's X-Amzn-Mtls-Clientcert. AWS does not escape "+", so it never
// means a space:
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/mutual-authentication.html
func parseEscapedPEM(text string) (chain []*x509.Certificate, err error) {
	text, err = url.PathUnescape(text)
	if err != nil {
		return nil, errUnreadable
	}
	blocks := strings.Count(text, "-----BEGIN ")
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil || block.Type != "CERTIFICATE" {
			break
		}
		certificate, err := parseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		chain = append(chain, certificate)
	}
	if len(chain) == 0 || len(chain) != blocks { // a skipped block may be the client's certificate
		return nil, errUnreadable
	}
	return chain, nil
}

// parseBase64 parses DER in base64, a chain separated by commas: HAProxy's ssl_c_der,base64 and
// Traefik's X-Forwarded-Tls-Client-Cert, which older versions escape. Each certificate must have
// signed the one before: some proxies append to what a client sent after a comma, and anyone may
// have a copy of an accepted certificate.
func parseBase64(text string) (chain []*x509.Certificate, err error) {
	text, err = url.PathUnescape(text)
	if err != nil {
		return nil, errUnreadable
	}
	for item := range strings.SplitSeq(text, ",") {
		certificate, err := parseDER(item)
		if err != nil {
			return nil, err
		}
		if n := len(chain); n > 0 && chain[n-1].CheckSignatureFrom(certificate) != nil {
			return nil, errors.New("holds certificates that are no chain: " +
				"let the proxy replace what a client sends there")
		}
		chain = append(chain, certificate)
	}
	return chain, nil
}

// parseDER parses one certificate in DER in base64.
func parseDER(text string) (*x509.Certificate, error) {
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errUnreadable
	}
	return parseCertificate(der)
}

// maxRSA is the maximum size of an RSA key, in bits: signatures of larger ones take too long to
// verify. crypto/tls has the same limit in handshakes.
const maxRSA = 8192

// parseCertificate parses one certificate in DER.
func parseCertificate(der []byte) (*x509.Certificate, error) {
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, errUnreadable
	}
	if key, ok := certificate.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > maxRSA {
		return nil, fmt.Errorf("holds an RSA key of more than %d bits", maxRSA)
	}
	return certificate, nil
}
