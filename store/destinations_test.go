package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbox/store"
	"ackbox/store/storetest"
)

// addDestination adds a webhook that begins after an id.
func addDestination(t *testing.T, db *store.Store, name string, start int64) store.Destination {
	t.Helper()
	added, err := db.AddDestination(t.Context(), store.Destination{
		Name: name, Kind: "webhook", Settings: json.RawMessage(`{"url":"https://x.test"}`),
		Secret: []byte{0, 1, 255}, Ordering: store.OrderLatest, Start: start, GiveUp: 72 * time.Hour,
		Filter: store.DestinationFilter{Expression: "revision > 1", Sources: []string{"crm"}},
	}, now)
	if err != nil {
		t.Fatal(err)
	}
	return added
}

func TestDestinations(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		added := addDestination(t, db.Store, "erp", 7)
		want := store.Destination{
			ID: added.ID, Name: "erp", Kind: "webhook", Settings: json.RawMessage(`{"url":"https://x.test"}`),
			Secret: []byte{0, 1, 255}, Ordering: store.OrderLatest, Generation: 1, Start: 7,
			GiveUp: 72 * time.Hour, CreatedAt: now.Truncate(time.Microsecond),
			Filter:   store.DestinationFilter{Expression: "revision > 1", Sources: []string{"crm"}, Objects: []string{}},
			Progress: store.Progress{Cursor: 7},
		}
		if diff := cmp.Diff(want, added); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for name, want := range map[string]error{"erp": store.ErrExists, "a/b": store.ErrName} {
			_, err := db.Store.AddDestination(t.Context(), store.Destination{Name: name}, now)
			if !errors.Is(err, want) {
				t.Errorf("%s: got %v, want %v", name, err, want)
			}
		}
		addDestination(t, db.Store, "dwh", 0)
		all, err := db.Store.Destinations(t.Context())
		if err != nil || len(all) != 2 || all[0].Name != "dwh" || all[1].Name != "erp" {
			t.Errorf("got %+v, %v, want both by name", all, err)
		}
		if _, err := db.Store.Destination(t.Context(), "none"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("got %v, want %v", err, store.ErrNotFound)
		}
	})
}

func TestEditsOfADestination(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		added := addDestination(t, db.Store, "erp", 7)
		edited, err := db.Store.EditDestination(t.Context(), "erp", func(d *store.Destination) error {
			d.Filter, d.Ordering = store.DestinationFilter{Objects: []string{"Lead"}}, store.OrderNone
			d.Settings, d.Secret, d.GiveUp = json.RawMessage(`{}`), nil, time.Hour
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want := added
		want.Filter = store.DestinationFilter{Sources: []string{}, Objects: []string{"Lead"}}
		want.Ordering, want.Settings, want.Secret, want.GiveUp = store.OrderNone, json.RawMessage(`{}`), nil, time.Hour
		want.Generation++
		if diff := cmp.Diff(want, edited); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		failure := errors.New("not like this")
		_, err = db.Store.EditDestination(t.Context(), "erp", func(*store.Destination) error { return failure })
		if !errors.Is(err, failure) {
			t.Errorf("got %v, want %v", err, failure)
		}
		if err := db.Store.SetDestinationState(t.Context(), "erp", store.Paused, "holidays"); err != nil {
			t.Fatal(err)
		}
		got, err := db.Store.Destination(t.Context(), "erp")
		if err != nil || got.State != store.Paused || got.Reason != "holidays" || got.Generation <= edited.Generation {
			t.Errorf("got %+v, %v, want it paused", got, err)
		}
		for what, err := range map[string]error{
			"edit":  second(db.Store.EditDestination(t.Context(), "none", nil)),
			"state": db.Store.SetDestinationState(t.Context(), "none", store.Active, ""),
		} {
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: got %v, want %v", what, err, store.ErrNotFound)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

func take(t *testing.T, db *store.Store, destination int64, want bool) store.Lease {
	t.Helper()
	lease, ok, err := db.TakeLease(t.Context(), destination)
	if err != nil || ok != want {
		t.Fatalf("take over: got %t, %v, want %t", ok, err, want)
	}
	return lease
}

func TestOnlyOneOwnsADestination(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		other := storetest.Open(t, db.URL).Store
		d := addDestination(t, db.Store, "erp", 0)
		earlier := take(t, db.Store, d.ID, true)
		take(t, other, d.ID, false)
		lease := take(t, db.Store, d.ID, true) // the process has given up, and begins anew
		if err := db.Store.ReturnLease(t.Context(), earlier); !errors.Is(err, store.ErrLeaseLost) {
			t.Errorf("return the earlier lease: got %v, want %v", err, store.ErrLeaseLost)
		}
		generation, active, err := db.Store.RenewLease(t.Context(), lease)
		if err != nil || generation != 1 || !active {
			t.Errorf("renew: got %d, %t, %v", generation, active, err)
		}
		done := store.Settlement{Cursor: 5, Counts: store.Counts{Delivered: 5}}
		if err := db.Store.Settle(t.Context(), lease, done); err != nil {
			t.Error(err)
		}
		execAll(t, openRaw(t, db), `update destination_state set lease_until = '2020-01-02T03:04:05.000000Z'`)
		second := take(t, other, d.ID, true)
		if second.Epoch <= lease.Epoch {
			t.Errorf("got the epochs %d, then %d", lease.Epoch, second.Epoch)
		}
		late := store.Settlement{
			Cursor: 9, Counts: store.Counts{Delivered: 4}, Deliveries: []store.Delivery{{NotificationID: 8, State: store.Retry}},
		}
		for what, err := range map[string]error{
			"settle": db.Store.Settle(t.Context(), lease, late),
			"return": db.Store.ReturnLease(t.Context(), lease),
		} {
			if !errors.Is(err, store.ErrLeaseLost) {
				t.Errorf("%s: got %v, want %v", what, err, store.ErrLeaseLost)
			}
		}
		if _, _, err := db.Store.RenewLease(t.Context(), lease); !errors.Is(err, store.ErrLeaseLost) {
			t.Errorf("renew: got %v, want %v", err, store.ErrLeaseLost)
		}
		got, err := other.Destination(t.Context(), "erp")
		if err != nil || got.Progress.Cursor != 5 || got.Progress.Delivered != 5 {
			t.Errorf("got %+v, %v, want what the first settled while it was the owner", got.Progress, err)
		}
		if open, err := other.OpenDeliveries(t.Context(), d.ID); err != nil || len(open) != 0 {
			t.Errorf("got %v open deliveries, %v, want none", open, err)
		}
		if err := other.ReturnLease(t.Context(), second); err != nil {
			t.Error(err)
		}
		third := take(t, db.Store, d.ID, true)
		if err := db.Store.SetDestinationState(t.Context(), "erp", store.Paused, ""); err != nil {
			t.Fatal(err)
		}
		if generation, active, err := db.Store.RenewLease(t.Context(), third); err != nil || generation < 2 || active {
			t.Errorf("renew: got %d, %t, %v, want a pause", generation, active, err)
		}
		if err := db.Store.ReturnLease(t.Context(), third); err != nil {
			t.Error(err)
		}
		take(t, db.Store, d.ID, false)
	})
}

func TestSettlements(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		d := addDestination(t, db.Store, "erp", 0)
		lease := take(t, db.Store, d.ID, true)
		soon, later := now.Add(time.Second).Truncate(time.Microsecond), now.Add(time.Minute).Truncate(time.Microsecond)
		failed := func(id int64, at time.Time) store.Delivery {
			return store.Delivery{
				NotificationID: id, Record: fmt.Sprint("00Q", id), State: store.Retry, Attempts: 1,
				Since: soon, NextAttemptAt: &at, LastStatus: 422, LastError: "unprocessable",
			}
		}
		settle := func(done store.Settlement) {
			t.Helper()
			if err := db.Store.Settle(t.Context(), lease, done); err != nil {
				t.Fatal(err)
			}
		}
		held := store.Delivery{NotificationID: 4, Record: "00Q1", State: store.Held, Since: soon}
		settle(store.Settlement{
			Cursor: 9, Counts: store.Counts{Delivered: 5, Filtered: 2, Failed: 2}, Succeeded: &soon,
			Error: "refused", Failures: 2, RetryAt: &later,
			Deliveries: []store.Delivery{failed(3, later), failed(1, soon), held},
		})
		due := func(by time.Time, want ...store.Delivery) {
			t.Helper()
			got, err := db.Store.DueDeliveries(t.Context(), d.ID, by, 10)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" && len(want)+len(got) > 0 {
				t.Errorf("due (-want +got):\n%s", diff)
			}
		}
		due(now)
		due(soon, failed(1, soon))
		due(later, failed(1, soon), failed(3, later))
		done := failed(1, soon)
		done.State, done.Attempts, done.NextAttemptAt, done.SettledAt = store.Delivered, 2, nil, &later
		settle(store.Settlement{Counts: store.Counts{Delivered: 1}, Deliveries: []store.Delivery{done}})
		due(later, failed(3, later))
		all, err := db.Store.Deliveries(t.Context(), store.DeliveryFilter{Destination: d.ID, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]store.Delivery{done, failed(3, later), held}, all); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		open, err := db.Store.Deliveries(t.Context(), store.DeliveryFilter{
			Destination: d.ID, States: []store.DeliveryState{store.Retry, store.Held}, After: 3, Limit: 10,
		})
		if err != nil || len(open) != 1 || open[0].NotificationID != 4 {
			t.Errorf("got %+v, %v, want the held one", open, err)
		}
		n, err := db.Store.OpenDeliveries(t.Context(), d.ID)
		if err != nil || n["00Q3"] != 1 || n["00Q1"] != 1 || len(n) != 2 {
			t.Errorf("got %v open, %v, want one each", n, err)
		}
		got, err := db.Store.Destination(t.Context(), "erp")
		want := store.Progress{
			Cursor: 9, LastError: "refused", LastSuccessAt: &soon,
			Counts: store.Counts{Delivered: 6, Filtered: 2, Failed: 2},
		}
		if diff := cmp.Diff(want, got.Progress); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
}

func TestStatesHaveTheSameNamesEverywhere(t *testing.T) {
	t.Parallel()
	for state, name := range map[store.DeliveryState]string{
		store.Retry: "retry", store.Held: "held", store.Delivered: "delivered", store.Dead: "dead",
		store.Skipped: "skipped", store.Cancelled: "cancelled", store.Before: "before",
		store.Waiting: "waiting", store.Filtered: "filtered",
	} {
		var parsed store.DeliveryState
		if err := parsed.UnmarshalText([]byte(name)); err != nil || parsed != state || state.String() != name {
			t.Errorf("%s: got %s, %v", name, parsed, err)
		}
	}
	var ordering store.Ordering
	for _, wrong := range []string{"", "newest", "None"} {
		if err := ordering.UnmarshalText([]byte(wrong)); err == nil {
			t.Errorf("%q: got no error", wrong)
		}
	}
	if got := store.DestinationState(9).String(); got != "state of a destination 9" {
		t.Errorf("got %q", got)
	}
}
