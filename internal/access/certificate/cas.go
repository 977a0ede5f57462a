package certificate

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
)

// ReadCAs returns the certificates in a PEM file as a pool. Each PEM block must be a certificate:
// a skipped CA would be noticed only when a client needs it. Text around the blocks is ignored.
func ReadCAs(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read CAs: %w", err)
	}
	begun := bytes.Count(text, []byte("-----BEGIN "))
	if begun == 0 {
		return nil, fmt.Errorf("read CAs: %s contains no PEM certificate", file)
	}
	pool := x509.NewCertPool()
	for n := 1; n <= begun; n++ {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil { // it skips what it cannot decode
			return nil, fmt.Errorf("read CAs: %s contains a PEM block that cannot be decoded", file)
		}
		ca, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read CAs: PEM block %d in %s is not a certificate: %w", n, file, err)
		}
		pool.AddCert(ca)
	}
	return pool, nil
}
