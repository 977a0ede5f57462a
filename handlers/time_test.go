package handlers_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbox/handlers"
	"ackbox/internal/access"
	"ackbox/internal/access/certificate"
	"ackbox/store"
)

// memory is a database in memory, for tests in which days pass: what others show on real ones, it
// takes for granted.
type memory struct {
	*store.Store
	known []store.ClientCertificate // before the process starts

	mu       sync.Mutex
	refusals int
	counts   map[string]int64 // by day, cause and status
	observed int
}

func (m *memory) Sources(context.Context) ([]store.Source, error) {
	return []store.Source{{ID: 1, Name: "crm", Tokens: []store.Token{{SHA256: store.TokenSHA256("token")}}}}, nil
}

func (m *memory) Save(context.Context, store.Inbound) (store.Saved, error) { return store.Saved{}, nil }

func (m *memory) Health(context.Context) (store.Health, error) { return store.Health{}, nil }

func (m *memory) Refuse(context.Context, store.Refusal) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refusals++
	return nil
}

func (m *memory) CountRefusals(_ context.Context, _ string, totals []store.RefusalCount) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range totals {
		m.counts[fmt.Sprintf("%s %s %d", c.Day.Format(time.DateOnly), c.Cause, c.Status)] = c.Refusals
	}
	return nil
}

func (m *memory) ClientCertificates(context.Context) ([]store.ClientCertificate, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.known, nil
}

func (m *memory) ObserveCertificate(_ context.Context, c store.ClientCertificate) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.observed++
	m.known = append(m.known, c)
	return nil
}

// observations returns how often a certificate was written.
func (m *memory) observations() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.observed
}

// bubble is a process in a synctest bubble.
type bubble struct {
	*memory
	routes http.Handler
	log    *lockedBuffer
}

// inBubble runs a test with a process that knows a database, and time that passes at once.
func inBubble(t *testing.T, m *memory, access handlers.Access, test func(t *testing.T, b *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m.counts = map[string]int64{}
		log := &lockedBuffer{}
		h := handlers.New(handlers.Config{Store: m, Access: access, Log: slog.New(slog.NewTextHandler(log, nil))})
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = h.Run(ctx) })
		synctest.Wait()
		test(t, &bubble{m, newRoutes(h, handlers.NewHealth(m, h.Log, h.Warnings)), log})
		stop()
		running.Wait()
	})
}

// post posts a body with certificates, and gives the status.
func (b *bubble) post(t *testing.T, body string, chain ...*x509.Certificate) int {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/outbound/token", strings.NewReader(body))
	r.TLS = &tls.ConnectionState{PeerCertificates: chain}
	w := httptest.NewRecorder()
	b.routes.ServeHTTP(w, r)
	return w.Code
}

// ready is what /readyz says.
func (b *bubble) ready(t *testing.T) string {
	t.Helper()
	w := httptest.NewRecorder()
	b.routes.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
	return w.Body.String()
}

func (b *bubble) flood(t *testing.T) {
	t.Helper()
	for range flood {
		b.post(t, "hello")
	}
}

// A flood that goes on for days is sampled again and again, the log says each minute what it leaves
// out, and each day has its own count.
func TestAFloodThatLastsForDays(t *testing.T) {
	t.Parallel()
	inBubble(t, &memory{}, handlers.Access{}, func(t *testing.T, b *bubble) {
		b.flood(t)
		first := b.refusals
		<-time.After(61 * time.Second)
		if left := fmt.Sprintf("cause=shape status=400 count=%d", flood-first); !strings.Contains(b.log.String(), left) {
			t.Errorf("the log does not say %q", left)
		}
		<-time.After(10 * time.Minute)
		b.flood(t)
		if b.refusals != 2*first {
			t.Errorf("got %d samples of two floods, want %d of each", b.refusals, first)
		}
		<-time.After(5 * 24 * time.Hour)
		b.flood(t)
		<-time.After(2 * time.Second)
		synctest.Wait()
		want := map[string]int64{"2000-01-01 shape 400": 2 * flood, "2000-01-06 shape 400": flood}
		if diff := cmp.Diff(want, b.counts); diff != "" {
			t.Error(diff)
		}
		if told := strings.Count(b.log.String(), "more of the same"); told != 2 {
			t.Errorf("the log says %d times what it leaves out, want once for each flood that was over a minute", told)
		}
	})
}

// shown is a certificate that ends after a time. Nobody looks at its signature here.
func shown(name string, lasts time.Duration) *x509.Certificate {
	return &x509.Certificate{Raw: []byte(name), NotAfter: time.Now().Add(lasts)}
}

// expecting returns an access control that reports all certificates but one.
func expecting(t *testing.T, name string) handlers.Access {
	t.Helper()
	pin := sha256.Sum256([]byte(name))
	clients, err := certificate.NewClients(certificate.ClientsConfig{Fingerprints: []string{hex.EncodeToString(pin[:])}})
	if err != nil {
		t.Fatal(err)
	}
	return handlers.Access{Certificates: clients, CertificatesMode: access.Report}
}

// A certificate that was recorded before the process started is warned of, until the next one is in
// use.
func TestACertificateThatEndsIsWarnedOfAfterARestart(t *testing.T) {
	t.Parallel()
	began := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // of all bubbles
	m := &memory{known: []store.ClientCertificate{{
		SourceID: 1, Source: "crm", SHA256: [32]byte{1}, NotAfter: began.Add(9 * 24 * time.Hour),
		LastSeen: began.Add(-time.Hour),
	}}}
	inBubble(t, m, expecting(t, "next"), func(t *testing.T, b *bubble) {
		if got := b.ready(t); !strings.Contains(got, "1, the first in 9 days") {
			t.Errorf("got %s, want a warning", got)
		}
		<-time.After(12 * 24 * time.Hour)
		if got := b.ready(t); !strings.Contains(got, "1, the first has expired") {
			t.Errorf("got %s, want a warning of one that has ended", got)
		}
		b.post(t, envelope("04l1"), shown("next", 365*24*time.Hour))
		<-time.After(11 * time.Second) // as old as what is known may be
		if got := b.ready(t); strings.Contains(got, "client certificates") {
			t.Errorf("got %s, want no warning of one that is not in use any more", got)
		}
	})
}

// A flood of certificates is written up to a bound, and does not keep out the one that is expected,
// which is written once a minute when it comes all the time.
func TestAFloodOfCertificates(t *testing.T) {
	t.Parallel()
	inBubble(t, &memory{}, expecting(t, "own"), func(t *testing.T, b *bubble) {
		for i := range 3000 {
			b.post(t, envelope("04l1"), shown(fmt.Sprintf("another %d", i), 365*24*time.Hour))
		}
		<-time.After(2 * time.Second)
		if got := b.observations(); got > 60 {
			t.Errorf("got %d writes in two seconds, want 20 a second", got)
		}
		<-time.After(time.Minute)
		others := b.observations()
		if others > 1000 {
			t.Errorf("got %d writes, want a bound", others)
		}
		for range 600 {
			b.post(t, envelope("04l1"), shown("own", 365*24*time.Hour))
			<-time.After(time.Second)
		}
		if got := b.observations() - others; got < 9 || got > 11 {
			t.Errorf("got %d writes in ten minutes, want one a minute", got)
		}
	})
}
