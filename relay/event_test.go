package relay_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"

	"ackbox/ledger"
	"ackbox/relay"
	"ackbox/store"
)

func text(s string) *string { return &s }

// lead is a notification as it is read from the database.
func lead() store.Notification {
	changed := now.Add(-time.Minute)
	return store.Notification{
		ID: 7, Source: "crm", OrganizationID: "00Dxx0000001gPLEAY", ActionID: "04k1", NotificationID: "04l1",
		Revision: 2, ObjectType: text("Lead"), RecordID: text("00Qxx0000000001AAA"),
		Fields:     json.RawMessage(`{"Id":"00Qxx0000000001AAA","AnnualRevenue":1.0E7,"Company":"<Hush> & \"Söhne\""}`),
		ReceivedAt: now, ChangedAt: &changed, Digest: ledger.DigestOf([]byte("content")),
	}
}

// parse reads an event as a receiver does.
func parse(t *testing.T, e relay.Event) cloudevents.Event {
	t.Helper()
	written, err := e.AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	parsed := cloudevents.New()
	if err := json.Unmarshal(written, &parsed); err != nil {
		t.Fatalf("%v: %s", err, written)
	}
	if err := parsed.Validate(); err != nil {
		t.Errorf("%v: %s", err, written)
	}
	return parsed
}

func TestAnEventIsACloudEvent(t *testing.T) {
	t.Parallel()
	got := parse(t, relay.Event{Notification: lead(), Attempt: 3, Stale: true})
	want := map[string]any{
		"id": got.ID(), "source": "/ackbox/crm/00Dxx0000001gPLEAY", "type": "com.salesforce.outbound.Lead",
		"subject": "00Qxx0000000001AAA", "time": now, "datacontenttype": "application/json",
		"revision": int32(2), "changedat": "2026-11-22T01:01:03.000000Z", "stale": true,
	}
	attributes := map[string]any{
		"id": got.ID(), "source": got.Source(), "type": got.Type(), "subject": got.Subject(),
		"time": got.Time(), "datacontenttype": got.DataContentType(),
	}
	for name, value := range got.Extensions() {
		attributes[name] = value
	}
	if diff := cmp.Diff(want, attributes); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	line, err := lead().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(line), string(got.Data())); diff != "" {
		t.Errorf("data (-line of the export +got):\n%s", diff)
	}
}

func TestOddNotificationsAreCloudEvents(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(n *store.Notification){
		"no record": func(n *store.Notification) {
			n.ObjectType, n.RecordID, n.Fields, n.ChangedAt = nil, nil, nil, nil
		},
		"empty record id": func(n *store.Notification) { n.RecordID, n.ObjectType = text(""), text("") },
		"odd names": func(n *store.Notification) {
			n.Source, n.OrganizationID = "büro/1?", "00D \"x\"\x01"
			n.ObjectType, n.RecordID = text("Ä %\n__c"), text("id with spaces, 100%")
		},
		"separators": func(n *store.Notification) { n.Fields = json.RawMessage("{\"Name\":\"a\u2028b\"}") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := lead()
			change(&n)
			got := parse(t, relay.Event{Notification: n})
			for _, value := range []string{got.Type(), got.Subject(), got.Source()} {
				if strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) {
					t.Errorf("got %q, want printable ASCII", value)
				}
			}
			if n.RecordID == nil && got.Subject() != "" || n.ObjectType == nil && got.Type() != "com.salesforce.outbound" {
				t.Errorf("got the subject %q and the type %q", got.Subject(), got.Type())
			}
		})
	}
}

// The id depends on identity and content alone.
func TestTheIDOfAnEvent(t *testing.T) {
	t.Parallel()
	first := relay.Event{Notification: lead()}
	same := relay.Event{Notification: lead(), Attempt: 4, Stale: true}
	same.Notification.ID, same.Notification.ReceivedAt = 900, now.Add(time.Hour)
	same.Notification.OrganizationID = "00Dxx0000001gPL"
	if first.ID() != same.ID() || len(first.ID()) != 32 {
		t.Errorf("got %s and %s", first.ID(), same.ID())
	}
	seen := map[string]string{first.ID(): "first"}
	for name, change := range map[string]func(n *store.Notification){
		"source":       func(n *store.Notification) { n.Source = "crm0" },
		"moved":        func(n *store.Notification) { n.Source, n.OrganizationID = "crm0", "0Dxx0000001gPL" },
		"organization": func(n *store.Notification) { n.OrganizationID = "00Dxx0000001gPM" },
		"notification": func(n *store.Notification) { n.NotificationID = "04l2" },
		"content":      func(n *store.Notification) { n.Digest = ledger.DigestOf([]byte("other")) },
	} {
		e := relay.Event{Notification: lead()}
		change(&e.Notification)
		if other, known := seen[e.ID()]; known {
			t.Errorf("%s has the id of %s", name, other)
		}
		seen[e.ID()] = name
	}
}

func FuzzEvent(f *testing.F) {
	f.Add("crm", "00D", "Lead", "00Q")
	f.Add("ü\"", "\x00", "%", "\u2028")
	f.Fuzz(func(t *testing.T, source, organization, object, record string) {
		n := lead()
		n.Source, n.OrganizationID, n.ObjectType, n.RecordID = source, organization, &object, &record
		parse(t, relay.Event{Notification: n})
	})
}
