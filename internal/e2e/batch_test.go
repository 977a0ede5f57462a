package e2e_test

import (
	"fmt"
	"testing"
)

func TestANotificationWithoutARecordDoesNotHoldTheOthers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		s := startWith(t, database, "crm")
		message := generator(t, 1).Message(100)
		odd := &message.Notifications[37]
		odd.Record = nil
		requireAck(t, post(t, s.url("crm"), message.Append(nil)))
		stored := map[string]line{}
		for _, l := range s.export() {
			stored[l.NotificationID] = l
		}
		if len(stored) != 100 {
			t.Fatalf("got %d notifications, want 100", len(stored))
		}
		for i, n := range message.Notifications {
			l, ok := stored[n.ID]
			if !ok || (l.RecordID == nil) != (i == 37) {
				t.Errorf("notification %d: got %+v", i, l)
			}
		}
		if l := stored[odd.ID]; l.ObjectType != nil || l.RecordID != nil || string(l.Fields) != "null" {
			t.Errorf("got %+v, want nulls", l)
		}
	})
}

func TestAConcurrentRedeliveryAddsNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		s := startWith(t, database, "crm")
		var forward, backward []string
		for i := range 50 {
			n := lead(fmt.Sprintf("04lS100000%05dIAA", i), fmt.Sprintf("00QS100000%05dIAA", i), "")
			forward, backward = append(forward, n), append([]string{n}, backward...)
		}
		answers := make(chan answer)
		const posts = 16
		for i := range posts {
			body := envelope(forward...)
			if i%2 == 1 {
				body = envelope(backward...)
			}
			go func() { answers <- post(t, s.url("crm"), body) }()
		}
		for range posts {
			if got := <-answers; got != acked {
				t.Errorf("got %+v, want the Ack", got)
			}
		}
		if got := s.export(); len(got) != 50 {
			t.Errorf("got %d notifications, want 50", len(got))
		}
	})
}
