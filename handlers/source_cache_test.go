package handlers_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ackbox/handlers"
	"ackbox/store"
)

// silent is a database that takes every question and answers none.
type silent struct{ *store.Store }

func (silent) Sources(ctx context.Context) ([]store.Source, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

// Those who come while the database does not answer wait for it together: one after the other, a
// few hundred would hold connections for an hour, and a URL would not work for as long after the
// database is back.
func TestADatabaseThatDoesNotAnswerKeepsNobodyWaitingInLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := handlers.New(handlers.Config{Store: silent{}, Log: slog.New(slog.DiscardHandler)})
		routes, started := newRoutes(h, handlers.NewHealth(silent{}, h.Log)), time.Now()
		var waiting sync.WaitGroup
		for range 100 {
			waiting.Go(func() {
				w := httptest.NewRecorder()
				routes.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost,
					"/outbound/"+strings.Repeat("x", 43), strings.NewReader(envelope("04l1"))))
				if w.Code != http.StatusServiceUnavailable {
					t.Errorf("got %d, want 503", w.Code)
				}
			})
		}
		waiting.Wait()
		if waited := time.Since(started); waited > 10*time.Second {
			t.Errorf("the last one waited %s, want no more than two tries of 5 s", waited)
		}
	})
}

func (silent) ClientCertificates(ctx context.Context) ([]store.ClientCertificate, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

func (silent) Health(ctx context.Context) (store.Health, error) {
	<-ctx.Done()
	return store.Health{}, context.Cause(ctx)
}

// Whoever asks for readiness waits for one answer of the database, not for that of each warning.
func TestReadinessWaitsForTheDatabaseOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := handlers.New(handlers.Config{Store: silent{}, Log: slog.New(slog.DiscardHandler)})
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = h.Run(ctx) })
		routes, started := newRoutes(h, handlers.NewHealth(silent{}, h.Log, h.Warnings)), time.Now()
		w := httptest.NewRecorder()
		routes.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
		if waited := time.Since(started); w.Code != 503 || waited > 2*time.Second {
			t.Errorf("got %d after %s, want 503 after 2 s", w.Code, waited)
		}
		stop()
		running.Wait()
	})
}
