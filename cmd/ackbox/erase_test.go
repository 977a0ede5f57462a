package main

import (
	"encoding/json"
	"strings"
	"testing"

	"ackbox/ledger"
	"ackbox/store"
	"ackbox/store/storetest"
)

func TestARecordIsErased(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source, _, err := db.Store.AddSource(t.Context(), "crm", nil, t0)
		if err != nil {
			t.Fatal(err)
		}
		full := ledger.FullID("00Q5g000001Lead")
		batch := &ledger.Batch{OrganizationID: "00Dxx0000001gPLEAY"}
		for i, record := range []string{full, full[:15], "00Q5g000001Lea_", ledger.FullID("00Q5g000002Lead")} {
			fields := `{"Id":"` + record + `","Email":"jane@example.com"}`
			batch.Entries = append(batch.Entries, ledger.Entry{
				ID: "04l" + string(rune('a'+i)), RecordID: &record, Fields: json.RawMessage(fields),
				Digest: ledger.DigestOf([]byte(fields)),
			})
		}
		in := store.Inbound{SourceID: source.ID, Batch: batch, ReceivedAt: t0}
		if _, err := db.Store.Save(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		d, err := db.Store.AddDestination(t.Context(), store.Destination{
			Name: "erp", Kind: "test", Ordering: store.OrderRecord,
		}, t0)
		if err != nil {
			t.Fatal(err)
		}
		lease, ok, err := db.Store.TakeLease(t.Context(), d.ID)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		const key = "crm/00Dxx0000001gPL/"
		if err := db.Store.Settle(t.Context(), lease, store.Settlement{
			Cursor: 4,
			Deliveries: []store.Delivery{
				{NotificationID: 1, Record: key + "00Q5g000001Lead", State: store.Retry, Since: t0, NextAttemptAt: &t0},
				{NotificationID: 4, Record: key + "00Q5g000002Lead", State: store.Dead, Since: t0, SettledAt: &t0},
			},
			Attempts: []store.Attempt{{NotificationID: 1, N: 1, At: t0, Answer: "jane@example.com"}},
			Marks: []store.Mark{
				{Record: key + "00Q5g000001Lead", NotificationID: 2}, {Record: key + "00Q5g000002Lead", NotificationID: 4},
			},
		}); err != nil {
			t.Fatal(err)
		}
		if got := on(t, db.URL, "erase", "--record", "00Q5g000001Lead"); got.code != exitUsage ||
			!strings.Contains(got.err, "Erase 2 notifications of record 00Q5g000001Lead for good? Add --yes") {
			t.Errorf("got %+v", got)
		}
		got := on(t, db.URL, "erase", "--record", strings.ToLower(full), "--yes")
		if got.code != exitDone || got.out != "2 notifications erased, 1 delivery\n" || strings.Contains(got.err, "jane") {
			t.Errorf("got %+v", got)
		}
		if got := on(t, db.URL, "export"); strings.Count(got.out, "\n") != 2 || strings.Contains(got.out, full[:15]) {
			t.Errorf("got %s", got.out)
		}
		left, err := db.Store.Deliveries(t.Context(), store.DeliveryFilter{Destination: d.ID, Limit: 10})
		if err != nil || len(left) != 1 || left[0].NotificationID != 4 {
			t.Errorf("got %+v, %v", left, err)
		}
		if attempts, err := db.Store.Attempts(t.Context(), d.ID, 1); err != nil || len(attempts) != 0 {
			t.Errorf("got %+v, %v", attempts, err)
		}
		marks, err := db.Store.Marks(t.Context(), d.ID, []string{key + "00Q5g000001Lead", key + "00Q5g000002Lead"})
		if err != nil || len(marks) != 1 {
			t.Errorf("got %+v, %v", marks, err)
		}
		if got := on(t, db.URL, "erase", "--record", "00Q5g000001Lead", "--yes"); got.code != exitDone ||
			!strings.Contains(got.err, nothing) {
			t.Errorf("got %+v", got)
		}
	})
}
