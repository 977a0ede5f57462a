package certificate

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
)

// The keys of Envoy's X-Forwarded-Client-Cert, in lower case:
// https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#x-forwarded-client-cert
var (
	forwardedKeys = []string{"by", "hash", "cert", "chain", "subject", "uri", "dns"}
	// forwardedOnce are the keys that are used here. The others may be repeated, and their values
	// come from the client's certificate.
	forwardedOnce = []string{"hash", "cert", "chain"}
)

// isForwardedClientCert reports whether a header has Envoy's format: key=value;key="value".
func isForwardedClientCert(text string) bool {
	key, _, _ := strings.Cut(text, "=")
	return slices.Contains(forwardedKeys, strings.ToLower(key))
}

// parseForwardedClientCert parses Envoy's header: Cert is the client's certificate and Chain the
// whole chain, its own first, both in PEM with URL escapes. Hash, which Envoy always writes, must
// match the certificate: it does not if a client has put one into the names of another certificate.
func parseForwardedClientCert(text string) (chain []*x509.Certificate, err error) {
	fields, err := forwardedFields(text)
	if err != nil {
		return nil, err
	}
	switch {
	case fields["chain"] != "":
		chain, err = parseEscapedPEM(fields["chain"])
	case fields["cert"] != "":
		chain, err = parseEscapedPEM(fields["cert"])
	default:
		err = errors.New("holds no certificate: let the proxy write Cert or Chain into it")
	}
	if err != nil {
		return nil, err
	}
	return chain, checkForwarded(fields, chain[0])
}

// checkForwarded returns an error unless Hash and Cert are of the client's certificate.
func checkForwarded(fields map[string]string, leaf *x509.Certificate) error {
	sum := sha256.Sum256(leaf.Raw)
	if hash, ok := fields["hash"]; ok && !strings.EqualFold(hash, hex.EncodeToString(sum[:])) {
		return errors.New("has the hash of another certificate")
	}
	if fields["cert"] == "" {
		return nil
	}
	certificates, err := parseEscapedPEM(fields["cert"])
	if err == nil && !certificates[0].Equal(leaf) {
		err = errors.New("has a chain of another certificate")
	}
	return err
}

// forwardedFields returns the values of an element by their keys in lower case. More than one
// element is an error: a proxy that appends its own to the client's has passed on what anyone can
// send.
func forwardedFields(text string) (map[string]string, error) {
	fields := map[string]string{}
	for {
		key, rest, isPair := strings.Cut(text, "=")
		key = strings.ToLower(strings.TrimSpace(key))
		if !isPair || !slices.Contains(forwardedKeys, key) {
			return nil, errUnreadable
		}
		if _, isRepeated := fields[key]; isRepeated && slices.Contains(forwardedOnce, key) {
			return nil, errors.New("names more than one certificate")
		}
		var err error
		if fields[key], rest, err = forwardedValue(rest); err != nil {
			return nil, err
		}
		switch {
		case rest == "":
			return fields, nil
		case rest[0] == ',':
			return nil, errors.New("has more than one element: " +
				"let the proxy replace what a client sends there")
		}
		text = rest[1:]
	}
}

// forwardedValue splits text after a value, at a separator or the end. The value may be in quotes,
// with \" for a quote.
func forwardedValue(text string) (value, rest string, err error) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text+";", ";,")
		return text[:end], text[end:], nil
	}
	var unescaped strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text):
			i++
		case text[i] == '"':
			rest = text[i+1:]
			if rest != "" && rest[0] != ';' && rest[0] != ',' {
				return "", "", errUnreadable
			}
			return unescaped.String(), rest, nil
		}
		unescaped.WriteByte(text[i])
	}
	return "", "", errUnreadable
}
