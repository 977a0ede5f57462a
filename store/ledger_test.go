package store_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbox/ledger"
	"ackbox/store"
	"ackbox/store/storetest"
)

// changes returns two entries that set everything that an intake can set.
func changes() []ledger.Entry {
	deleted, updated := entry("04lD", `{"Id":"00Q"}`), entry("04lU", `{"Id":"00Q","a":1}`)
	deleted.Operation, deleted.Covers = ledger.Delete, ledger.CoversPart
	deleted.ChangedAt = time.Date(2026, 11, 22, 3, 2, 3, 4_000_000, time.FixedZone("", 7200))
	deleted.Header = json.RawMessage(`{"b":1,  "a":"ü"}`)
	updated.Operation, updated.Covers = ledger.Update, ledger.CoversFull
	updated.ChangedAt = time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
	return []ledger.Entry{deleted, updated}
}

// A single entry and several at once are inserted by different statements.
func TestSaveKeepsWhatTheIntakeSays(t *testing.T) {
	t.Parallel()
	for name, batches := range map[string][][]ledger.Entry{
		"one at a time": {changes()[:1], changes()[1:]}, "together": {changes()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, db *storetest.Database) {
				source := addSource(t, db.Store, "one")
				save(t, db.Store, source, batchOf(entry("04lP", `{}`)), now)
				for _, entries := range batches {
					b := batchOf(entries...)
					b.Intake = ledger.Change
					save(t, db.Store, source, b, now)
				}
				type row struct {
					Intake    ledger.Intake
					Operation ledger.Operation
					ChangedAt time.Time
				}
				var got []row
				for _, n := range export(t, db.Store, store.NotificationFilter{}) {
					r := row{Intake: n.Intake}
					if n.Operation != nil {
						r.Operation, r.ChangedAt = *n.Operation, *n.ChangedAt
					}
					got = append(got, r)
				}
				want := []row{
					{}, {ledger.Change, ledger.Delete, changes()[0].ChangedAt.UTC()},
					{ledger.Change, ledger.Update, changes()[1].ChangedAt},
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				raw := texts(t, openRaw(t, db), `
					select notification_id || ' ' || covers || ' ' || coalesce(cast(header as text), 'null')
					from notifications`)
				wantRaw := []string{`04lD 1 {"b":1,  "a":"ü"}`, `04lP 0 null`, `04lU 2 null`}
				if diff := cmp.Diff(wantRaw, raw); diff != "" {
					t.Errorf("covers and header (-want +got):\n%s", diff)
				}
			})
		})
	}
}
