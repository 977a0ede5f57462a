package handlers_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"ackbox/handlers"
	"ackbox/internal/access"
	"ackbox/internal/access/certificate"
	"ackbox/internal/access/certificate/certificatetest"
	"ackbox/store"
	"ackbox/store/storetest"
)

// observing hands on the certificates that are recorded, too.
type observing struct {
	*store.Store
	observed chan store.ClientCertificate
}

func (s observing) ObserveCertificate(ctx context.Context, c store.ClientCertificate) error {
	s.observed <- c
	return s.Store.ObserveCertificate(ctx, c)
}

// Whoever knows a URL may show as many certificates as are remembered, and a handshake takes a
// quarter of a megabyte of them: what is remembered of each is bounded, or the process would run
// out of memory.
func TestOfHugeCertificatesLittleIsRemembered(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		clients, err := certificate.NewClients(certificate.ClientsConfig{})
		if err != nil {
			t.Fatal(err)
		}
		observed := make(chan store.ClientCertificate, 100)
		in := newInbox(t, db.Store, func(c *handlers.Config) {
			c.Store, c.Access.Certificates, c.Access.CertificatesMode = observing{db.Store, observed}, clients, access.Report
		})
		eventually(t, "the source is known", func() bool { return in.post(t, envelope("04l1")).isAck() })
		small, huge := ofSize("small", 10), ofSize("huge", 60_000)
		for _, chain := range [][]*x509.Certificate{small.Chain(huge, huge, huge), huge.Chain(small)} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, in.url(), strings.NewReader(envelope("04l1")))
			r.TLS = &tls.ConnectionState{PeerCertificates: chain}
			w := httptest.NewRecorder()
			in.routes.ServeHTTP(w, r)
			if w.Code != http.StatusOK {
				t.Fatalf("got %d %s", w.Code, w.Body)
			}
		}
		for range 2 {
			c := <-observed
			if len(c.Subject)+len(c.Issuer) > 2000 || len(c.Chain) > 32<<10 {
				t.Errorf("got names of %d and %d bytes and a chain of %d", len(c.Subject), len(c.Issuer), len(c.Chain))
			}
			if isSmall := strings.HasPrefix(c.Subject, "CN=small"); isSmall && c.Chain != small.PEM() {
				t.Errorf("got a chain of %d bytes, want the certificate that fits", len(c.Chain))
			}
		}
	})
}

// ofSize is a certificate with names of some size.
func ofSize(name string, size int) certificatetest.Signer {
	return certificatetest.Sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name, Organization: []string{strings.Repeat("x", size)}},
	}, nil)
}
