package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// readCAs reads the certificates in a file; without a path there are none.
func readCAs(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", path)
	}
	return pool, nil
}

// readCertificate reads a client certificate, whose key may be in the same file; without a path there is none.
func readCertificate(path, key string) (*tls.Certificate, error) {
	if path == "" {
		return nil, nil
	}
	if key == "" {
		key = path
	}
	certificate, err := tls.LoadX509KeyPair(path, key)
	if err != nil {
		return nil, fmt.Errorf("read client certificate: %w", err)
	}
	return &certificate, nil
}
