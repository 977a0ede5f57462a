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
		require := func(what, ready string, samples ...string) {
			t.Helper()
			<-time.After(time.Second) // as old as an answer of /readyz may be
			if got := page(routes, "/readyz"); !strings.Contains(got, ready) {
				t.Errorf("%s: got %s, want %s", what, got, ready)
			}
			got := page(metrics, "/metrics")
			if n := strings.Count(got, "\nackbox_database"); n != len(samples) {
				t.Errorf("%s: got %d metrics, want %d:\n%s", what, n, len(samples), got)
			}
			for _, sample := range samples {
				if !strings.Contains(got, "\n"+sample+"\n") {
					t.Errorf("%s: the metrics lack %s:\n%s", what, sample, got)
				}
			}
		}
		require("before", `"size":null,"warnings":[]`)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- health.Size.Run(ctx) }()
		m.set(store.Size{Bytes: 5000}, nil)
		require("a disk that cannot be asked", `"size":{"bytes":5000,"days_left":null},"warnings":[]`,
			"ackbox_database_bytes 5000")
		m.set(sizeOf(6000, 1400, 100), nil)
		require("14 days", `"size":{"bytes":6000,"days_left":14},"warnings":[]`,
			"ackbox_database_bytes 6000", "ackbox_database_free_bytes 1400", "ackbox_database_days_left 14")
		m.set(sizeOf(6000, 1399, 100), nil)
		m.set(sizeOf(6000, 1300, 100), nil)
		require("13 days", `the disk of the database is full in 13 days`, "ackbox_database_bytes 6000",
			"ackbox_database_free_bytes 1300", "ackbox_database_days_left 13")
		m.set(sizeOf(6000, 199, 100), nil)
		require("1 day", `is full in 1 day if`, "ackbox_database_bytes 6000",
			"ackbox_database_free_bytes 199", "ackbox_database_days_left 1")
		m.set(sizeOf(6000, 99, 100), nil)
		require("no day", `is full in less than a day if`, "ackbox_database_bytes 6000",
			"ackbox_database_free_bytes 99", "ackbox_database_days_left 0")
		m.set(store.Size{}, errors.New("gone"))
		require("no answer", `"size":{"bytes":6000,"days_left":0}`, "ackbox_database_bytes 6000",
			"ackbox_database_free_bytes 99", "ackbox_database_days_left 0")
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
