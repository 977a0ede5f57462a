package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbox/store"
	"ackbox/store/storetest"
)

func TestARemovedDestinationLeavesWhatItDid(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		save(t, db.Store, source, benchmarkBatch(0, 30), now)
		d := addDestination(t, db.Store, "erp", 0)
		lease := take(t, db.Store, d.ID, true)
		now := now.Truncate(time.Microsecond)
		soon := now.Add(time.Minute)
		err := db.Store.Settle(t.Context(), lease, store.Settlement{
			Cursor: 10, Deliveries: []store.Delivery{
				{NotificationID: 1, Record: "a", State: store.Retry, Attempts: 1, Since: now, NextAttemptAt: &soon},
				{NotificationID: 2, Record: "a", State: store.Held, Since: now},
				{NotificationID: 3, Record: "b", State: store.Dead, Attempts: 4, Since: now, SettledAt: &now},
			},
			Span: &store.Span{From: 1, To: 10, Kind: store.SpanDelivered, Delivered: 7, Failed: 3, FirstAt: now, LastAt: now},
		})
		if err != nil {
			t.Fatal(err)
		}
		replay, err := db.Store.AddReplay(t.Context(), "erp", store.Replay{To: 10, Total: 10, By: "me"}, "", now)
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if err := db.Store.RemoveDestination(t.Context(), "erp", soon); err != nil {
			t.Fatal(err)
		}
		t.Logf("removed in %s", time.Since(begun))

		if err := db.Store.Settle(t.Context(), lease, store.Settlement{Cursor: 20}); !errors.Is(err, store.ErrLeaseLost) {
			t.Errorf("settle: got %v, want %v", err, store.ErrLeaseLost)
		}
		if _, err := db.Store.Destination(t.Context(), "erp"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("got %v, want %v", err, store.ErrNotFound)
		}
		if err := db.Store.RemoveDestination(t.Context(), "erp 1", soon); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("remove again: got %v, want %v", err, store.ErrNotFound)
		}
		take(t, db.Store, d.ID, false)
		all, err := db.Store.Deliveries(t.Context(), store.DeliveryFilter{Destination: d.ID, Limit: 10})
		if err != nil || len(all) != 3 || all[0].State != store.Cancelled || all[0].NextAttemptAt != nil ||
			all[1].State != store.Cancelled || all[2].State != store.Dead {
			t.Errorf("got %+v, %v", all, err)
		}
		spans, err := db.Store.Spans(t.Context(), d.ID, 0)
		want := []store.Span{
			{From: 1, To: 10, Kind: store.SpanDelivered, Delivered: 7, Failed: 3, FirstAt: now, LastAt: now},
			{From: 11, To: 30, Kind: store.SpanRemoved, FirstAt: soon, LastAt: soon},
		}
		if diff := cmp.Diff(want, spans); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		if r, err := db.Store.Replay(t.Context(), replay.ID); err != nil || r.State != store.ReplayCancelled {
			t.Errorf("got %+v, %v", r, err)
		}
		again := addDestination(t, db.Store, "erp", 30)
		if names, err := db.Store.Destinations(t.Context()); err != nil || len(names) != 1 || names[0].ID != again.ID {
			t.Errorf("got %+v, %v", names, err)
		}
	})
}
