package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"

	"ackbox/internal/access/certificate"
)

// readCAs reads the certificates in a PEM file. It returns nil if path is "".
func readCAs(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	return certificate.ReadCAs(path)
}

// readCertificate reads a client certificate and its key from PEM files. If key is "", the key is
// in the same file. It returns nil if path is "".
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
