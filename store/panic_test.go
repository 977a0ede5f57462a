package store_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/jmoiron/sqlx"

	"ackbox/store"
	"ackbox/store/storetest"
)

// log is a log that goroutines write while the test reads.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// option makes a store write to the log.
func (l *log) option() store.Option { return store.Log(slog.New(slog.NewTextHandler(l, nil))) }

// A panic leaves open what was stored. It ends neither the process nor the other saves.
func TestPanicWhileSavingIsAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		written := &log{}
		db = storetest.Open(t, db.URL, written.option())
		source := addSource(t, db.Store, "one")
		in := store.Inbound{SourceID: source.ID, Batch: batchOf(entry("04l", "{}")), ReceivedAt: now}
		in.Join = func(context.Context, *sqlx.Tx) error { panic("secret") }
		for range 10 { // more than SQLite has connections
			if _, err := db.Store.Save(t.Context(), in); !errors.Is(err, store.ErrUnavailable) {
				t.Fatalf("got %v, want %v", err, store.ErrUnavailable)
			}
		}
		if got := save(t, db.Store, source, in.Batch, now); got.Stored != 1 {
			t.Errorf("afterwards: got %+v, want it stored", got)
		}
		text := written.String()
		if !strings.Contains(text, "panic in the store") || strings.Contains(text, "secret") {
			t.Errorf("got the log %q, want the panic without its value", text)
		}
	})
}

func TestPanicOfACommitterEndsNoOther(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		written := &log{}
		db = storetest.Open(t, db.URL, written.option())
		source := addSource(t, db.Store, "one")
		db.Store.AfterCommit(func() { panic(errors.New("a reader")) })
		for i := range 5 {
			if got := save(t, db.Store, source, benchmarkBatch(i, 1), now); got.Stored != 1 {
				t.Errorf("got %+v, want it stored", got)
			}
		}
		until(t, "each batch has left the queue", func() bool {
			batches, bytes := db.Store.Pending()
			return batches == 0 && bytes == 0
		})
		until(t, "the log has the panic", func() bool {
			return strings.Contains(written.String(), "panic in the store")
		})
	})
}
