package store_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbox/ledger"
	"ackbox/store"
	"ackbox/store/storetest"
)

func TestNotificationsFilters(t *testing.T) {
	t.Parallel()
	hour := func(n int) time.Time { return now.Add(time.Duration(n) * time.Hour) }
	contact := entry("04l3", "{}")
	contact.ObjectType, contact.RecordID = new("Contact"), new("003")
	tests := []struct {
		name   string
		filter store.NotificationFilter
		want   []string
	}{
		{"all", store.NotificationFilter{}, []string{"04l1", "04l2", "04l3", "04l4"}},
		{"source", store.NotificationFilter{Source: "two"}, []string{"04l4"}},
		{"object", store.NotificationFilter{Object: "Contact"}, []string{"04l3"}},
		{"object in another case", store.NotificationFilter{Object: "cONTACT"}, []string{"04l3"}},
		{"no such object", store.NotificationFilter{Object: "Contac_"}, nil},
		{"intake", store.NotificationFilter{Intake: new(ledger.Apex)}, []string{"04l4"}},
		{"the intake of the zero value", store.NotificationFilter{Intake: new(ledger.SOAP)},
			[]string{"04l1", "04l2", "04l3"}},
		{"record", store.NotificationFilter{Record: "003"}, []string{"04l3"}},
		{"no such record", store.NotificationFilter{Record: "004"}, nil},
		{"after", store.NotificationFilter{After: 2}, []string{"04l3", "04l4"}},
		{"since", store.NotificationFilter{Since: hour(2)}, []string{"04l3", "04l4"}},
		{"since, in another zone", store.NotificationFilter{Since: hour(2).In(time.FixedZone("", 7200))},
			[]string{"04l3", "04l4"}},
		{"until", store.NotificationFilter{Until: hour(1)}, []string{"04l1"}},
		{"together", store.NotificationFilter{
			Source: "one", Object: "Lead", After: 1, Since: hour(0), Until: hour(9),
		}, []string{"04l2"}},
	}
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		one, two := addSource(t, db.Store, "one"), addSource(t, db.Store, "two")
		save(t, db.Store, one, batchOf(entry("04l1", "{}")), hour(0))
		save(t, db.Store, one, batchOf(entry("04l2", "{}")), hour(1))
		save(t, db.Store, one, batchOf(contact), hour(2))
		apex := batchOf(entry("04l4", "{}"))
		apex.Intake = ledger.Apex
		save(t, db.Store, two, apex, hour(3))
		for _, test := range tests {
			var got []string
			for _, n := range export(t, db.Store, test.filter) {
				got = append(got, n.NotificationID)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.name, diff)
			}
		}
	})
}

// Salesforce shows an id in 15 characters, which are case-sensitive, or in 18, whose last three
// make up for a lost case.
func TestNotificationsOfARecordInAnyFormOfItsID(t *testing.T) {
	t.Parallel()
	const id = "00Qxx0000001gPLEAY"
	sent := map[string]string{
		"04l1": id, "04l2": id[:15], "04l3": "00Qxx0000001gpL", "04l4": "custom-id", "04l5": "00qxx0000001gpl",
	}
	tests := []struct {
		record string
		want   []string
	}{
		{id, []string{"04l1", "04l2"}},
		{id[:15], []string{"04l1", "04l2"}},
		{strings.ToLower(id), []string{"04l1", "04l2"}},
		{strings.ToUpper(id), []string{"04l1", "04l2"}},
		{"00Qxx0000001gpL", []string{"04l3"}},
		{"00Qxx0000001gPLEAX", nil}, // wrong check characters
		{"custom-id", []string{"04l4"}},
		{"CUSTOM-ID", nil},
		{id[:14], nil},
	}
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		for _, name := range slices.Sorted(maps.Keys(sent)) {
			e := entry(name, "{}")
			e.RecordID = new(sent[name])
			save(t, db.Store, source, batchOf(e), now)
		}
		for _, test := range tests {
			var got []string
			for _, n := range export(t, db.Store, store.NotificationFilter{Record: test.record}) {
				got = append(got, n.NotificationID)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.record, diff)
			}
		}
	})
}

func TestNotificationsOfUnknownSource(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		err := db.Store.Notifications(t.Context(), store.NotificationFilter{Source: "none"}, nil)
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("got %v, want %v", err, store.ErrNotFound)
		}
	})
}

func TestNotificationsAreReadInPagesInOrder(t *testing.T) {
	t.Parallel()
	const total = 2345
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		save(t, db.Store, source, benchmarkBatch(0, total), now)
		var last, count int64
		var all store.NotificationFilter
		err := db.Store.Notifications(t.Context(), all, func(n store.Notification) error {
			if n.ID <= last {
				t.Errorf("id %d after %d", n.ID, last)
			}
			last, count = n.ID, count+1
			// No query is open meanwhile: the store can be used.
			return db.Store.DisableSource(t.Context(), source.Name, now)
		})
		if err != nil || count != total {
			t.Errorf("got %d, %v, want %d", count, err, total)
		}
	})
}

func TestLargeNotifications(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		var all []ledger.Entry
		for i := range 20 {
			all = append(all, entry(fmt.Sprintf("04l%02d", i), `"`+strings.Repeat("x", 300_000+i)+`"`))
		}
		save(t, db.Store, source, batchOf(all...), now)
		found := export(t, db.Store, store.NotificationFilter{})
		if len(found) != len(all) {
			t.Fatalf("got %d notifications, want %d", len(found), len(all))
		}
		for i, n := range found {
			if string(n.Fields) != string(all[i].Fields) {
				t.Errorf("the fields of %s differ", n.NotificationID)
			}
		}
	})
}

func TestNotificationsReturnsTheErrorOfYield(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		save(t, db.Store, addSource(t, db.Store, "one"), benchmarkBatch(0, 3), now)
		want, calls := errors.New("pipe closed"), 0
		var all store.NotificationFilter
		got := db.Store.Notifications(t.Context(), all, func(store.Notification) error {
			calls++
			return want
		})
		if !errors.Is(got, want) || calls != 1 {
			t.Errorf("got %v after %d calls, want %v after 1", got, calls, want)
		}
	})
}
