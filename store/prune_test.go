package store_test

import (
	"context"
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
		pruned, err := db.Store.Prune(t.Context(), now, store.Retention{OlderThan: 100 * time.Hour}, nil)
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
		pruned, err := db.Store.Prune(t.Context(), now, store.Retention{OlderThan: store.MinRetention}, nil)
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
			pruned, err := db.Store.Prune(t.Context(), now, store.Retention{OlderThan: olderThan}, nil)
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
			if _, err := db.Store.Prune(t.Context(), now, store.Retention{OlderThan: 100 * time.Hour}, nil); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// The oldest revisions go first, in transactions that are bounded, and each is reported.
func TestPruneOfManyRevisionsOfOneNotification(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		saveRevisions(t, db.Store, source, 4500, 4500, now.Add(-100*time.Hour))
		var last int64
		pruned, err := db.Store.Prune(t.Context(), now, store.Retention{OlderThan: store.MinRetention}, func(deleted int64) {
			left := export(t, db.Store, store.NotificationFilter{})
			if n := deleted - last; n <= 0 || n > 2000 || int(deleted)+len(left) != 4500 {
				t.Errorf("got %d deleted after %d, and %d left", deleted, last, len(left))
			}
			if len(left) > 0 && left[0].ID != deleted+1 {
				t.Errorf("got id %d left as the first after %d deleted", left[0].ID, deleted)
			}
			last = deleted
		})
		if err != nil || pruned != 4500 || last != 4500 {
			t.Errorf("got %d, %v, last reported %d, want 4500", pruned, err, last)
		}
	})
}

func TestPruneKeepsAllRevisionsOfANotificationThatIsRevisedAgain(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		saveRevisions(t, db.Store, source, 4500, 4500, now.Add(-100*time.Hour))
		save(t, db.Store, source, benchmarkBatch(1, 3), now.Add(-100*time.Hour))
		save(t, db.Store, source, benchmarkBatch(0, 1), now)
		pruned, err := db.Store.Prune(t.Context(), now, store.Retention{OlderThan: store.MinRetention}, nil)
		if left := len(export(t, db.Store, store.NotificationFilter{})); err != nil || pruned != 3 ||
			left != 4501 {
			t.Errorf("got %d, %v, %d left, want 3 deleted and 4501 left", pruned, err, left)
		}
	})
}

func TestPruneThatIsInterruptedHasDeletedWhatItReported(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		save(t, db.Store, source, benchmarkBatch(0, 4500), now.Add(-100*time.Hour))
		ctx, cancel := context.WithCancel(t.Context())
		pruned, err := db.Store.Prune(ctx, now, store.Retention{OlderThan: store.MinRetention}, func(int64) { cancel() })
		if !errors.Is(err, context.Canceled) || pruned == 0 || pruned > 2000 {
			t.Errorf("got %d, %v, want one transaction's, %v", pruned, err, context.Canceled)
		}
		left := len(export(t, db.Store, store.NotificationFilter{}))
		if int(pruned)+left != 4500 {
			t.Errorf("got %d deleted and %d left, want 4500 together", pruned, left)
		}
		pruned, err = db.Store.Prune(t.Context(), now, store.Retention{OlderThan: store.MinRetention}, nil)
		if err != nil || int(pruned) != left {
			t.Errorf("again: got %d, %v, want %d", pruned, err, left)
		}
	})
}

func TestOneProcessPrunesAtATime(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		other := storetest.Open(t, db.URL).Store
		save(t, db.Store, source, benchmarkBatch(0, 10), now.Add(-100*time.Hour))
		pruned, err := db.Store.Prune(t.Context(), now, store.Retention{OlderThan: store.MinRetention}, func(int64) {
			for name, s := range map[string]*store.Store{"the same": db.Store, "another": other} {
				pruned, err := s.Prune(t.Context(), now, store.Retention{OlderThan: store.MinRetention}, nil)
				if !errors.Is(err, store.ErrPruning) || pruned != 0 {
					t.Errorf("%s: got %d, %v, want %v", name, pruned, err, store.ErrPruning)
				}
			}
		})
		if err != nil || pruned != 10 {
			t.Errorf("got %d, %v, want 10", pruned, err)
		}
		if _, err := other.Prune(t.Context(), now, store.Retention{OlderThan: store.MinRetention}, nil); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// The next transaction after one that took long deletes less.
func TestPruneAdaptsItsTransactionsToTheirTime(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.Postgres)
	source := addSource(t, db.Store, "one")
	save(t, db.Store, source, benchmarkBatch(0, 3600), now.Add(-100*time.Hour))
	raw := openRaw(t, db)
	for _, statement := range []string{`
		create function wait() returns trigger language plpgsql as $$
		begin perform pg_sleep(0.06); return null; end $$`,
		`create trigger wait after delete on notifications for each statement execute function wait()`,
	} {
		if _, err := raw.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	var got []int64
	var last int64
	_, err := db.Store.Prune(t.Context(), now, store.Retention{OlderThan: store.MinRetention}, func(deleted int64) {
		got, last = append(got, deleted-last), deleted
	})
	if diff := cmp.Diff([]int64{2000, 1000, 500, 100}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
