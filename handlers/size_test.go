package handlers_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"ackbox/handlers"
	"ackbox/store"
)

// meter is a database of a size.
type meter struct {
	mu       sync.Mutex
	size     store.Size
	err      error
	recorded int
}

func (m *meter) Size(context.Context, time.Time) (store.Size, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.size, m.err
}

func (m *meter) RecordSize(context.Context, time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.recorded++
	return m.err
}

// set changes the size and waits until it was measured.
func (m *meter) set(size store.Size, err error) {
	m.mu.Lock()
	m.size, m.err = size, err
	m.mu.Unlock()
	<-time.After(time.Minute)
	synctest.Wait()
}

func sizeOf(bytes, free, growth int64) store.Size {
	return store.Size{Bytes: bytes, Free: &free, Growth: &growth}
}

func TestSizeIsShownByReadyzAndMetrics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, log, registry := &meter{}, &lockedBuffer{}, prometheus.NewRegistry()
		logger := slog.New(slog.NewTextHandler(log, nil))
		health := handlers.NewHealth(&memory{}, logger)
		health.Size = handlers.NewDatabaseSize(m, logger, registry)
		routes := newRoutes(handlers.New(handlers.Config{Store: &memory{}}), health)
		metrics := promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
		page := func(h http.Handler, path string) string {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
			return w.Body.String()
		}
		require := func(ready string, samples ...string) {
			t.Helper()
			<-time.After(time.Second) // as old as an answer of /readyz may be
			requireSize(t, page(routes, "/readyz"), page(metrics, "/metrics"), ready, samples)
		}
		require(`"size":null,"warnings":[]`)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- health.Size.Run(ctx) }()
		for _, step := range []struct {
			size    store.Size
			ready   string
			samples []string
		}{
			{store.Size{Bytes: 5000}, `"size":{"bytes":5000,"days_left":null},"warnings":[]`,
				[]string{"bytes 5000"}},
			{sizeOf(6000, 1400, 100), `"size":{"bytes":6000,"days_left":14},"warnings":[]`,
				[]string{"bytes 6000", "free_bytes 1400", "days_left 14"}},
			{sizeOf(6000, 1399, 100), `the disk of the database is full in 13 days`,
				[]string{"bytes 6000", "free_bytes 1399", "days_left 13"}},
			{sizeOf(6000, 199, 100), `is full in 1 day if`,
				[]string{"bytes 6000", "free_bytes 199", "days_left 1"}},
			{sizeOf(6000, 99, 100), `is full in less than a day if`,
				[]string{"bytes 6000", "free_bytes 99", "days_left 0"}},
		} {
			m.set(step.size, nil)
			require(step.ready, step.samples...)
		}
		m.set(store.Size{}, errors.New("gone")) // the last one is still shown
		require(`"size":{"bytes":6000,"days_left":0}`, "bytes 6000", "free_bytes 99", "days_left 0")
		if got := strings.Count(log.String(), "disk of the database fills"); got != 1 {
			t.Errorf("got %d lines about the disk in the log, want 1", got)
		}
		if m.recorded < 6 {
			t.Errorf("got %d sizes recorded, want one a minute", m.recorded)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// requireSize fails unless /readyz has a text and the metrics have these samples about the size and
// no others.
func requireSize(t *testing.T, readyz, metrics, text string, samples []string) {
	t.Helper()
	if !strings.Contains(readyz, text) {
		t.Errorf("got %s, want %s", readyz, text)
	}
	if n := strings.Count(metrics, "\nackbox_database_"); n != len(samples) {
		t.Errorf("got %d metrics, want %d:\n%s", n, len(samples), metrics)
	}
	for _, sample := range samples {
		if !strings.Contains(metrics, "\nackbox_database_"+sample+"\n") {
			t.Errorf("the metrics lack %s:\n%s", sample, metrics)
		}
	}
}
