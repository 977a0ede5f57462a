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
	// maxHeader is how long a header with certificates may be, in bytes.
	maxHeader = 16 << 10
	// The headers of RFC 9440, the only ones that come as two.
	headerClientCert      = "Client-Cert"
	headerClientCertChain = "Client-Cert-Chain"
)

// errUnreadable is for a header that is in none of the forms that proxies write.
var errUnreadable = errors.New("holds no certificate in a form that is known")

// certificatesInHeader reads the header of a trusted proxy. One that came twice is an error: a proxy that adds its own
// to the client's has passed on what anybody can write.
func certificatesInHeader(header http.Header, name string) ([]*x509.Certificate, error) {
	values := header.Values(name)
	switch {
	case len(values) > 1:
		return nil, problem("the header %s came more than once: let the proxy replace what a client sends there", name)
	case len(values) == 0 || strings.TrimSpace(values[0]) == "":
		return nil, nil
	case len(values[0]) > maxHeader:
		return nil, problem("the header %s is longer than %d bytes", name, maxHeader)
	}
	chain, err := parseCertificates(strings.TrimSpace(values[0]))
	if err == nil && strings.EqualFold(name, headerClientCert) {
		var others []*x509.Certificate
		others, err = intermediatesInHeader(header)
		chain = append(chain, others...)
	}
	if err != nil {
		return nil, problem("the header %s %s", name, err)
	}
	return chain, nil
}

// intermediatesInHeader reads Client-Cert-Chain, a list that may be spread over several headers (RFC 9440, 2.3). They
// prove nothing by themselves, so it does not matter if some are a client's.
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

// parseCertificates reads certificates in any of the forms, which their beginnings tell apart.
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

// parseByteSequence reads :base64:, as Client-Cert has it (RFC 9440, 2.1).
func parseByteSequence(text string) (*x509.Certificate, error) {
	inner, isOpen := strings.CutPrefix(text, ":")
	inner, isClosed := strings.CutSuffix(inner, ":")
	if !isOpen || !isClosed {
		return nil, errUnreadable
	}
	return parseDER(inner)
}

// parseEscapedPEM reads PEM with URL escapes, one certificate or a chain: nginx's $ssl_client_escaped_cert, and AWS's
// X-Amzn-Mtls-Clientcert. AWS leaves "+" as it is, so it never is a space:
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
	if len(chain) == 0 || len(chain) != blocks { // one that was skipped may have been the client's own
		return nil, errUnreadable
	}
	return chain, nil
}

// parseBase64 reads DER in base64, a chain separated by commas: HAProxy's ssl_c_der,base64 and Traefik's
// X-Forwarded-Tls-Client-Cert, which older versions escape. Each must have signed the one before: a comma is also how
// some proxies append to what a client sent, and a certificate to send is no secret.
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
			return nil, errors.New("holds certificates that are no chain: let the proxy replace what a client sends there")
		}
		chain = append(chain, certificate)
	}
	return chain, nil
}

// parseDER reads one certificate in base64.
func parseDER(text string) (*x509.Certificate, error) {
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errUnreadable
	}
	return parseCertificate(der)
}

// maxRSA is the size of an RSA key, in bits, beyond which signatures take too long to verify; crypto/tls has the same
// limit for what a handshake brings.
const maxRSA = 8192

// parseCertificate reads one certificate.
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
