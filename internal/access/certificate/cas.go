package certificate

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
)

// ReadCAs returns the certificates in a PEM file as a pool. Each PEM block must be a certificate:
// a skipped CA would be noticed only when a client needs it. Text that is not a well-formed block
// is ignored, as [pem.Decode] does.
func ReadCAs(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read CAs: %w", err)
	}
	pool := x509.NewCertPool()
	for n := 1; ; n++ {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			if n == 1 {
				return nil, fmt.Errorf("read CAs: %s contains no PEM certificate", file)
			}
			return pool, nil
		}
		ca, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read CAs: PEM block %d in %s is not a certificate: %w", n, file, err)
		}
		pool.AddCert(ca)
	}
}
