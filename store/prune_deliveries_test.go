package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"ackbox/store"
	"ackbox/store/storetest"
)

// aged saves 10 notifications of each age, the oldest first: ids 1 to 10, and so on.
func aged(t *testing.T, db *storetest.Database, ages ...time.Duration) {
	t.Helper()
	source := addSource(t, db.Store, "one")
	for i, age := range ages {
		save(t, db.Store, source, benchmarkBatch(1000*i, 10), now.Add(-age))
	}
}

// settleAt settles what became of deliveries at a destination.
func settleAt(t *testing.T, db *store.Store, d store.Destination, done store.Settlement) {
	t.Helper()
	if err := db.Settle(t.Context(), take(t, db, d.ID, true), done); err != nil {
		t.Fatal(err)
	}
}

func prune(t *testing.T, db *store.Store, keep store.Retention, want int64) {
	t.Helper()
	if got, err := db.Prune(t.Context(), now, keep, nil); err != nil || got != want {
		t.Errorf("got %d deleted, %v, want %d", got, err, want)
	}
}

const day = 24 * time.Hour

func TestPruneKeepsWhatDestinationsHaveNotGot(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		aged(t, db, 20*day, 10*day, time.Hour)
		lagging, paused := addDestination(t, db.Store, "lagging", 0), addDestination(t, db.Store, "paused", 0)
		settleAt(t, db.Store, lagging, store.Settlement{Cursor: 15, Deliveries: []store.Delivery{
			{NotificationID: 3, Record: "a", State: store.Retry, Since: now, NextAttemptAt: &now},
			{NotificationID: 4, Record: "b", State: store.Dead, Since: now, SettledAt: &now},
		}, Attempts: []store.Attempt{{NotificationID: 4, N: 1, At: now}}})
		settleAt(t, db.Store, paused, store.Settlement{Cursor: 12})
		if err := db.Store.SetDestinationState(t.Context(), "paused", store.Paused, "holidays"); err != nil {
			t.Fatal(err)
		}
		keep := store.Retention{OlderThan: 5 * day}
		prune(t, db.Store, keep, 11) // 1 to 12 without the third
		left, err := db.Store.Deliveries(t.Context(), store.DeliveryFilter{Destination: lagging.ID, Limit: 10})
		if err != nil || len(left) != 1 || left[0].NotificationID != 3 {
			t.Errorf("got %+v, %v, want that of the third", left, err)
		}
		if attempts, err := db.Store.Attempts(t.Context(), lagging.ID, 4); err != nil || len(attempts) != 0 {
			t.Errorf("got %+v, %v, want none", attempts, err)
		}
		if err := db.Store.SetDestinationState(t.Context(), "paused", store.Disabled, "gone"); err != nil {
			t.Fatal(err)
		}
		prune(t, db.Store, keep, 0)
		if err := db.Store.RemoveDestination(t.Context(), "paused", now); err != nil {
			t.Fatal(err)
		}
		prune(t, db.Store, keep, 3)
	})
}

func TestPruneKeepsWhatAReplayHasNotSent(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		aged(t, db, 20*day, time.Hour)
		d := addDestination(t, db.Store, "erp", 0)
		settleAt(t, db.Store, d, store.Settlement{Cursor: 20})
		replay, err := db.Store.AddReplay(t.Context(), "erp", store.Replay{To: 20, Total: 20}, "", now)
		if err != nil {
			t.Fatal(err)
		}
		keep := store.Retention{OlderThan: 5 * day}
		prune(t, db.Store, keep, 0)
		settleAt(t, db.Store, d, store.Settlement{At: now, Replay: &store.ReplayProgress{Replay: replay.ID, Cursor: 4}})
		prune(t, db.Store, keep, 4)
		if err := db.Store.CancelReplay(t.Context(), replay.ID, "", now); err != nil {
			t.Fatal(err)
		}
		prune(t, db.Store, keep, 6)
	})
}

// Beyond the bound nothing goes silently: a span says so, and the log.
func TestPruneGivesUpWhatIsTooOld(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		aged(t, db, 60*day, 20*day, time.Hour)
		written := &log{}
		other := storetest.Open(t, db.URL, written.option())
		d := addDestination(t, db.Store, "erp", 0)
		lease := take(t, db.Store, d.ID, true)
		err := db.Store.Settle(t.Context(), lease, store.Settlement{Cursor: 4, Deliveries: []store.Delivery{
			{NotificationID: 2, Record: "a", State: store.Retry, Since: now, NextAttemptAt: &now},
		}})
		if err != nil {
			t.Fatal(err)
		}
		prune(t, other.Store, store.Retention{OlderThan: 5 * day, AtMost: 40 * day}, 10)
		if err := db.Store.Settle(t.Context(), lease, store.Settlement{Cursor: 5}); !errors.Is(err, store.ErrLeaseLost) {
			t.Errorf("got %v, want %v: the owner must begin anew", err, store.ErrLeaseLost)
		}
		got, err := db.Store.Destination(t.Context(), "erp")
		if err != nil || got.Progress.Cursor != 10 {
			t.Errorf("got the cursor %d, %v, want 10", got.Progress.Cursor, err)
		}
		want := store.Span{From: 5, To: 10, Kind: store.SpanExpired}
		spans, err := db.Store.Spans(t.Context(), d.ID, 0)
		if err != nil || len(spans) != 1 || spans[0].From != want.From || spans[0].To != want.To ||
			spans[0].Kind != want.Kind {
			t.Errorf("got %+v, %v, want %+v", spans, err, want)
		}
		for _, line := range []string{"destination=erp state=active from_id=5 to_id=10", "deliveries=1"} {
			until(t, "the log says "+line, func() bool { return strings.Contains(written.String(), line) })
		}
		if err := db.Store.RemoveDestination(t.Context(), "erp", now); err != nil {
			t.Fatal(err)
		}
		prune(t, db.Store, store.Retention{OlderThan: 5 * day}, 10)
	})
}

func TestAtMostIsNotBelowOlderThan(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.SQLite)
	_, err := db.Store.Prune(t.Context(), now, store.Retention{OlderThan: 5 * day, AtMost: 4 * day}, nil)
	if err == nil || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}
