package webhook

import (
	"crypto/x509"
	"net/http"

	"ackbox/relay"
)

// Trust makes a sender accept certificates of these authorities.
func Trust(s relay.Sender, authorities *x509.CertPool) {
	s.(*sender).client.Transport.(*http.Transport).TLSClientConfig.RootCAs = authorities
}
