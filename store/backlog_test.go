package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbox/ledger"
	"ackbox/store"
	"ackbox/store/storetest"
)

// statuses returns the backlogs by the names of the destinations.
func statuses(t *testing.T, db *store.Store) map[string]store.Backlog {
	t.Helper()
	all, err := db.DestinationStatuses(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]store.Backlog{}
	for _, d := range all {
		found[d.Name] = d.Backlog
	}
	return found
}

func TestBacklogsAreCounted(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "crm")
		addDestination(t, db.Store, "erp", 2)
		addDestination(t, db.Store, "dwh", 4)
		for i := range 4 {
			at := now.Add(time.Duration(i) * time.Minute)
			save(t, db.Store, source, batchOf(entry(fmt.Sprint("04l", i), `{}`)), at)
		}
		erp, err := db.Store.Destination(t.Context(), "erp")
		if err != nil {
			t.Fatal(err)
		}
		lease := take(t, db.Store, erp.ID, true)
		done := store.Settlement{At: now, Deliveries: []store.Delivery{
			{NotificationID: 1, Record: "a", State: store.Retry, Since: now, NextAttemptAt: &now},
			{NotificationID: 2, Record: "a", State: store.Held, Since: now},
			{NotificationID: 3, Record: "b", State: store.Dead, Since: now, SettledAt: &now},
			{NotificationID: 4, Record: "b", State: store.Dead, Since: now, SettledAt: &now},
		}}
		if err := db.Store.Settle(t.Context(), lease, done); err != nil {
			t.Fatal(err)
		}
		oldest := now.Add(2 * time.Minute).Truncate(time.Microsecond)
		want := map[string]store.Backlog{
			"dwh": {}, "erp": {Waiting: 2, Oldest: &oldest, Retry: 1, Held: 1, Dead: 2},
		}
		if diff := cmp.Diff(want, statuses(t, db.Store)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if err := db.Store.RemoveDestination(t.Context(), "erp", now); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]store.Backlog{"dwh": {}}, statuses(t, db.Store)); diff != "" {
			t.Errorf("after a removal (-want +got):\n%s", diff)
		}
	})
}

func TestALongBacklogIsEstimatedByTheIDs(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "crm")
		addDestination(t, db.Store, "erp", 0)
		for i := range store.MaxCounted/100 + 1 {
			entries := make([]ledger.Entry, 100)
			for j := range entries {
				entries[j] = entry(fmt.Sprint("04l", 100*i+j), `{}`)
			}
			save(t, db.Store, source, batchOf(entries...), now)
		}
		got := statuses(t, db.Store)["erp"]
		if !got.Estimated || got.Waiting < store.MaxCounted+100 {
			t.Errorf("got %+v, want an estimate of at least %d", got, store.MaxCounted+100)
		}
	})
}

func TestDeliveriesAndCountsOfARecord(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "crm")
		erp := addDestination(t, db.Store, "erp", 0)
		other := entry("04l2", `{}`)
		id := "00Qxx0000001gPQEAY"
		other.RecordID = &id
		save(t, db.Store, source, batchOf(entry("04l1", `{}`), other), now)
		lease := take(t, db.Store, erp.ID, true)
		done := store.Settlement{At: now, Deliveries: []store.Delivery{
			{NotificationID: 1, Record: "a", State: store.Dead, Since: now, SettledAt: &now},
			{NotificationID: 2, Record: "b", State: store.Dead, Since: now, SettledAt: &now},
		}}
		if err := db.Store.Settle(t.Context(), lease, done); err != nil {
			t.Fatal(err)
		}
		for _, record := range []string{"00Qxx0000001gPQ", "00Qxx0000001gPQEAY", "00QXX0000001GPQEAY"} {
			got, err := db.Store.Deliveries(t.Context(),
				store.DeliveryFilter{Destination: erp.ID, Record: record, Limit: 10})
			if err != nil || len(got) != 1 || got[0].NotificationID != 2 {
				t.Errorf("%s: got %+v, %v, want that of notification 2", record, got, err)
			}
			n, err := db.Store.CountNotifications(t.Context(), store.NotificationFilter{Record: record, After: 1})
			if err != nil || n != 1 {
				t.Errorf("%s: got %d, %v, want 1", record, n, err)
			}
		}
		n, err := db.Store.CountNotifications(t.Context(), store.NotificationFilter{After: 2})
		if err != nil || n != 0 {
			t.Errorf("got %d, %v after the last one, want 0", n, err)
		}
	})
}
