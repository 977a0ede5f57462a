package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbox/store"
	"ackbox/store/storetest"
)

func TestPruneDeletesANotificationWithAllItsRevisions(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		limit := now.Add(-100 * time.Hour)
		old, recent := limit.Add(-time.Microsecond), limit
		save(t, db.Store, source, batchOf(entry("old", "1"), entry("old", "2")), old)
		save(t, db.Store, source, batchOf(entry("mixed", "1")), old)
		save(t, db.Store, source, batchOf(entry("old", "3"), entry("mixed", "2")), old)
		save(t, db.Store, source, batchOf(entry("mixed", "3"), entry("recent", "1")), recent)
		for _, at := range []time.Time{old, recent} {
			if err := db.Store.Refuse(t.Context(), store.Refusal{Cause: "syntax", At: at}); err != nil {
				t.Fatal(err)
			}
		}
		pruned, err := db.Store.Prune(t.Context(), now, 100*time.Hour)
		if err != nil || pruned != 3 {
			t.Errorf("got %d, %v, want 3", pruned, err)
		}
		var got []string
		for _, n := range export(t, db.Store, store.NotificationFilter{}) {
			got = append(got, fmt.Sprintf("%s %d %s", n.NotificationID, n.Revision, n.Fields))
		}
		want := []string{"mixed 1 1", "mixed 2 2", "mixed 3 3", "recent 1 1"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("left (-want +got):\n%s", diff)
		}
		if left := refusals(t, db.Store, store.RefusalFilter{}); len(left) != 1 || left[0].ID != 2 {
			t.Errorf("got refusals %v, want the second", left)
		}
	})
}

func TestPruneInSeveralTransactions(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		save(t, db.Store, source, benchmarkBatch(0, 4500), now.Add(-73*time.Hour))
		save(t, db.Store, source, benchmarkBatch(4500, 10), now)
		pruned, err := db.Store.Prune(t.Context(), now, store.MinRetention)
		if err != nil || pruned != 4500 {
			t.Errorf("got %d, %v, want 4500", pruned, err)
		}
		if left := export(t, db.Store, store.NotificationFilter{}); len(left) != 10 {
			t.Errorf("got %d left, want 10", len(left))
		}
	})
}

func TestPruneRefusesLessThanMinRetention(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		save(t, db.Store, source, benchmarkBatch(0, 1), now.Add(-1000*time.Hour))
		for _, olderThan := range []time.Duration{-time.Hour, 0, 72*time.Hour - 1} {
			pruned, err := db.Store.Prune(t.Context(), now, olderThan)
			if !errors.Is(err, store.ErrRetention) || pruned != 0 {
				t.Errorf("%s: got %d, %v, want %v", olderThan, pruned, err, store.ErrRetention)
			}
		}
		if left := export(t, db.Store, store.NotificationFilter{}); len(left) != 1 {
			t.Errorf("got %d left, want 1", len(left))
		}
	})
}

func TestIDsAreNeverReused(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		var last int64
		for i := range 3 {
			save(t, db.Store, source, benchmarkBatch(i*5, 5), now.Add(-1000*time.Hour))
			for _, n := range export(t, db.Store, store.NotificationFilter{}) {
				if n.ID <= last {
					t.Errorf("id %d after %d", n.ID, last)
				}
				last = n.ID
			}
			if _, err := db.Store.Prune(t.Context(), now, 100*time.Hour); err != nil {
				t.Fatal(err)
			}
		}
	})
}
