package handlers_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

const day = 24 * time.Hour

// warningsOf returns what warns of the certificates in the database, once they have been read.
func warningsOf(t *testing.T, db *store.Store) func(now time.Time) []string {
	t.Helper()
	h := handlers.New(handlers.Config{Store: db, Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	eventually(t, "the certificates are read", func() bool {
		return len(h.Warnings(time.Now().Add(1000*day))) > 0 // all have expired by then
	})
	return h.Warnings
}

// show records that a certificate with this period was accepted for a source. The time is that of
// its first day, so that one that begins later replaces those before it.
func show(t *testing.T, db *store.Store, source store.Source, notBefore, notAfter time.Time) {
	t.Helper()
	err := db.ObserveCertificate(t.Context(), store.ClientCertificate{
		SourceID: source.ID, SHA256: sha256.Sum256([]byte(notBefore.String())),
		NotBefore: notBefore, NotAfter: notAfter, LastSeen: notBefore.Add(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestClientCertificateWarningsFollowTheLifetime(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source, _, err := db.Store.AddSource(t.Context(), "crm", nil, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		issued := time.Now().Truncate(time.Second)
		for _, lifetime := range []time.Duration{160 * time.Hour, 45 * day, 64 * day, 200 * day} {
			ends := issued.Add(lifetime)
			show(t, db.Store, source, issued, ends)
			warnings := warningsOf(t, db.Store)
			due := ends.Add(-min(30*day, lifetime/4))
			renewed := issued.Add(lifetime * 2 / 3)
			for _, early := range []time.Time{issued, renewed, due.Add(-time.Minute)} {
				if got := warnings(early); len(got) != 0 {
					t.Errorf("%s: got %q with %s left, want no warning", lifetime, got, ends.Sub(early))
				}
			}
			if got := warnings(due); len(got) != 1 {
				t.Errorf("%s: got %q with %s left, want one warning", lifetime, got, ends.Sub(due))
			}
			issued = renewed // of the next one
		}
	})
}

func TestClientCertificateWarningsSayWhenTheFirstExpires(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		issued := time.Now().Truncate(time.Second)
		for name, lifetime := range map[string]time.Duration{"first": 100 * day, "second": 102 * day} {
			source, _, err := db.Store.AddSource(t.Context(), name, nil, issued)
			if err != nil {
				t.Fatal(err)
			}
			show(t, db.Store, source, issued, issued.Add(lifetime))
		}
		warnings := warningsOf(t, db.Store)
		const soon = "client certificates in use that expire soon: "
		for left, want := range map[time.Duration]string{
			24 * day:      "1, the first in 24 days",
			23 * day:      "2, the first in 23 days",
			day:           "2, the first in 1 day",
			day - 1:       "2, the first within a day",
			-time.Minute:  "2, the first has expired",
			-1000 * day:   "2, the first has expired",
			25*day + 1000: "",
		} {
			var all []string
			if want != "" {
				all = []string{soon + want + "; pin the next one too before it is used"}
			}
			if diff := cmp.Diff(all, warnings(issued.Add(100*day-left))); diff != "" {
				t.Errorf("%s left (-want +got):\n%s", left, diff)
			}
		}
	})
}
