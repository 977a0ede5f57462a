package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"

	"ackbox/internal/access/certificate"
)

// readCAs reads the certificates in a file; without a path there are none.
func readCAs(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	return certificate.ReadCAs(path)
}

// readCertificate reads a client certificate, whose key may be in the same file; without a path there is none.
func readCertificate(path, key string) (*tls.Certificate, error) {
	if path == "" {
		return nil, nil
	}
	if key == "" {
		key = path
	}
	pair, err := tls.LoadX509KeyPair(path, key)
	if err != nil {
		return nil, fmt.Errorf("read client certificate: %w", err)
	}
	return &pair, nil
}
