package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbox/store"
	"ackbox/store/storetest"
)

// What became of a notification can be told without a row for each delivery.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		save(t, db.Store, source, benchmarkBatch(0, 30), now)
		erp, late := addDestination(t, db.Store, "erp", 0), addDestination(t, db.Store, "late", 20)
		soon := now.Add(time.Minute).Truncate(time.Microsecond)
		lease := take(t, db.Store, erp.ID, true)
		settle := func(done store.Settlement) {
			t.Helper()
			if err := db.Store.Settle(t.Context(), lease, done); err != nil {
				t.Fatal(err)
			}
		}
		settle(store.Settlement{
			Cursor: 10, Span: &store.Span{From: 1, To: 10, Kind: store.SpanDelivered, FirstAt: now, LastAt: soon},
			Deliveries: []store.Delivery{
				{
					NotificationID: 3, Record: "a", State: store.Dead, Attempts: 4, Since: now, LastError: "answered 422",
					SettledAt: &soon,
				},
				{NotificationID: 4, Record: "b", State: store.Retry, Attempts: 1, Since: now, NextAttemptAt: &soon},
			},
		})
		_, err := db.Store.EditDestination(t.Context(), "erp", func(d *store.Destination) error {
			d.Filter.Expression = "second"
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		settle(store.Settlement{
			Cursor: 15, Span: &store.Span{From: 11, To: 15, Kind: store.SpanDelivered, FirstAt: soon, LastAt: soon},
		})
		_ = late
		outcomes := func(id int64) (all []string) {
			t.Helper()
			found, err := db.Store.NotificationsByID(t.Context(), []int64{id})
			if err != nil || len(found) != 1 {
				t.Fatal(len(found), err)
			}
			got, err := db.Store.Outcomes(t.Context(), &found[0], func(f store.DestinationFilter) (bool, error) {
				return f.Expression == "second" && id%2 == 0 || f.Expression != "second", nil
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range got {
				line := o.Destination + " " + o.State.String()
				if o.At != nil {
					line += " " + o.At.Sub(soon.Add(-time.Minute)).String()
				}
				if o.Reason != "" {
					line += ": " + o.Reason
				}
				all = append(all, line)
			}
			return all
		}
		for id, want := range map[int64][]string{
			1:  {"erp delivered 1m0s", "late before"},
			3:  {"erp dead 1m0s", "late before"},
			4:  {"erp retry 0s", "late before"},
			12: {"erp delivered 1m0s", "late before"},
			13: {"erp filtered 1m0s", "late before"},
			16: {"erp waiting", "late before"},
			21: {"erp waiting", "late waiting"},
		} {
			if diff := cmp.Diff(want, outcomes(id)); diff != "" {
				t.Errorf("%d (-want +got):\n%s", id, diff)
			}
		}
		if err := db.Store.RemoveDestination(t.Context(), "erp", soon); err != nil {
			t.Fatal(err)
		}
		removed := ": the destination was removed before it got there"
		for id, want := range map[int64]string{
			1: "erp 1 delivered 1m0s", 4: "erp 1 cancelled 1m0s", 16: "erp 1 cancelled 1m0s" + removed,
		} {
			if got := outcomes(id); !slices.Contains(got, want) {
				t.Errorf("%d: got %q, want %q", id, got, want)
			}
		}
	})
}
