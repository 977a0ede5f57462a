package relay

import (
	"context"
	"fmt"
	"testing"

	"ackbox/store"
)

// storedMarks is a database of marks alone.
type storedMarks struct {
	Store
	marks map[string]store.Mark
}

func (s storedMarks) Marks(_ context.Context, _ int64, records []string) (map[string]store.Mark, error) {
	found := map[string]store.Mark{}
	for _, record := range records {
		if mark, ok := s.marks[record]; ok {
			found[record] = mark
		}
	}
	return found, nil
}

// When more marks are known than are kept, those of the batch at hand are not forgotten.
func TestMarksThatAreForgottenAreReadAgain(t *testing.T) {
	t.Parallel()
	record := "00Q1"
	older := &store.Notification{ID: 5, Source: "crm", OrganizationID: "00D1", RecordID: &record}
	key := recordOf(older)
	newer := store.Mark{Record: key, NotificationID: 9}
	o := order{
		store: storedMarks{marks: map[string]store.Mark{key: newer}}, ordering: store.OrderRecord,
		marks: map[string]store.Mark{key: newer},
	}
	for i := range maxMarks {
		o.marks[fmt.Sprint(i)] = store.Mark{}
	}
	other := "00Q2"
	items := []item{
		{notification: older},
		{notification: &store.Notification{ID: 6, Source: "crm", OrganizationID: "00D1", RecordID: &other}},
	}
	if _, err := o.prepare(t.Context(), items); err != nil {
		t.Fatal(err)
	}
	if !items[0].stale || items[1].stale {
		t.Errorf("got stale %t and %t, want the first alone", items[0].stale, items[1].stale)
	}
	r := runner{order: order{ordering: store.OrderRecord, marks: map[string]store.Mark{}}}
	var done store.Settlement
	if r.mark(&done, &items[0]); len(done.Marks) > 0 {
		t.Errorf("got %+v: a stale event replaces the mark of a newer one", done.Marks)
	}
}
