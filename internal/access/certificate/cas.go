package certificate

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
)

// ReadCAs returns the certificates in a PEM file as a pool, by the rules of [ReadPEM].
func ReadCAs(file string) (*x509.CertPool, error) {
	certificates, err := ReadPEM(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, ca := range certificates {
		pool.AddCert(ca)
	}
	return pool, nil
}

// ReadPEM returns the certificates of CAs in a PEM file, at least one. Each PEM block must be a
// certificate: a skipped CA would be noticed only when it is needed. Text around the blocks is
// ignored.
func ReadPEM(file string) ([]*x509.Certificate, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read CAs: %w", err)
	}
	begun := bytes.Count(text, []byte("-----BEGIN "))
	if begun == 0 {
		return nil, fmt.Errorf("read CAs: %s contains no PEM certificate", file)
	}
	var certificates []*x509.Certificate
	for n := 1; n <= begun; n++ {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil { // it skips what it cannot decode
			return nil, fmt.Errorf("read CAs: %s contains a PEM block that cannot be decoded", file)
		}
		ca, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read CAs: PEM block %d in %s is not a certificate: %w", n, file, err)
		}
		certificates = append(certificates, ca)
	}
	return certificates, nil
}
