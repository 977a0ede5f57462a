package store_test

import (
	"fmt"
	"testing"
	"time"

	"ackbox/ledger"
	"ackbox/store"
	"ackbox/store/storetest"
)

// saveRevisions saves rows, of which as many as revisions each have the same identity, one after
// the other.
func saveRevisions(
	tb testing.TB, db *store.Store, source store.Source, rows, revisions int, at time.Time,
) {
	tb.Helper()
	for from := 0; from < rows; from += 5000 {
		batch := benchmarkBatch(from, min(5000, rows-from))
		for i := range batch.Entries {
			n := from + i
			batch.Entries[i].ID = fmt.Sprintf("04lxx%010dAAA", n/revisions)
			batch.Entries[i].Digest = ledger.DigestOf([]byte(fmt.Sprint(n)))
		}
		save(tb, db, source, batch, at)
	}
}

// BenchmarkExport reads 20,000 notifications, of one revision each or of one identity.
func BenchmarkExport(b *testing.B) {
	benchmarkRevisions(b, func(b *testing.B, db *store.Store, source store.Source, rows, revisions int) {
		saveRevisions(b, db, source, rows, revisions, now)
		for b.Loop() {
			if got := len(export(b, db, store.NotificationFilter{})); got != rows {
				b.Fatalf("got %d notifications, want %d", got, rows)
			}
		}
	})
}

// BenchmarkPrune deletes 20,000 notifications, of one revision each or of one identity.
func BenchmarkPrune(b *testing.B) {
	benchmarkRevisions(b, func(b *testing.B, db *store.Store, source store.Source, rows, revisions int) {
		for b.Loop() {
			b.StopTimer()
			saveRevisions(b, db, source, rows, revisions, now.Add(-100*time.Hour))
			b.StartTimer()
			got, err := db.Prune(b.Context(), now, store.Retention{OlderThan: store.MinRetention}, nil)
			if err != nil || got != int64(rows) {
				b.Fatalf("got %d, %v, want %d", got, err, rows)
			}
		}
	})
}

func benchmarkRevisions(
	b *testing.B, run func(b *testing.B, db *store.Store, source store.Source, rows, revisions int),
) {
	for _, driver := range drivers {
		for _, revisions := range []int{1, 20, 2000, 20_000} {
			b.Run(fmt.Sprintf("%s/revisions=%d", driver, revisions), func(b *testing.B) {
				db := storetest.Open(b, benchmarkURL(b, driver)).Store
				run(b, db, addSource(b, db, "one"), 20_000, revisions)
			})
		}
	}
}
