package store_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbox/ledger"
	"ackbox/store"
)

func TestMarshalJSON(t *testing.T) {
	t.Parallel()
	lead, record, operation, at := "Lead", "00Q<&>", ledger.Update, now.Truncate(time.Microsecond)
	until := now.Add(time.Hour).UTC()
	soon := time.Now().Add(36 * time.Hour)
	for _, test := range []struct {
		what any
		want string
	}{
		{store.Notification{
			ID: 1, Source: "crm", OrganizationID: "00D", ActionID: "04k", NotificationID: "04l",
			Revision: 2, ObjectType: &lead, RecordID: &record, Fields: json.RawMessage(`{"n":1.0E7}`),
			ReceivedAt: now, Operation: &operation, ChangedAt: &at,
		}, `{"id":1,"source":"crm","organization_id":"00D","action_id":"04k","notification_id":"04l","revision":2,` +
			`"object_type":"Lead","record_id":"00Q<&>","fields":{"n":1.0E7},"received_at":"2026-11-22T01:02:03.456789Z",` +
			`"intake":"soap","operation":"update","changed_at":"2026-11-22T01:02:03.456789Z"}`},
		{store.Notification{ReceivedAt: time.Unix(0, 0), Intake: ledger.Event},
			`{"id":0,"source":"","organization_id":"","action_id":"","notification_id":"","revision":0,"object_type":null,` +
				`"record_id":null,"fields":null,"received_at":"1970-01-01T00:00:00.000000Z","intake":"event",` +
				`"operation":null,"changed_at":null}`},
		{store.Refusal{ID: 3, Source: "crm", SourceID: 9, Cause: "shape", Status: 400, Detail: "<a>",
			Line: 1, Column: 2, Size: 5, RequestID: "r", RemoteAddr: "::1", At: now,
			OrganizationID: "00D", ActionID: "04k", ObjectType: "Lead", Notifications: 2, Reported: true},
			`{"id":3,"source":"crm","organization_id":"00D","action_id":"04k","object_type":"Lead","notifications":2,` +
				`"cause":"shape","status":400,"reported":true,"detail":"<a>","line":1,"column":2,"size":5,` +
				`"request_id":"r","remote_addr":"::1","refused_at":"2026-11-22T01:02:03.456789Z"}`},
		{store.RefusalCount{Day: now, Source: "crm", Cause: "shape", Status: 400, Refusals: 7},
			`{"day":"2026-11-22","source":"crm","cause":"shape","status":400,"reported":false,"refusals":7}`},
		{store.Source{ID: 4, Name: "crm", CreatedAt: at}, `{"name":"crm","enabled":true,"organizations":[],"urls":0,` +
			`"old_url_ends":null,"created_at":"2026-11-22T01:02:03.456789Z"}`},
		{store.Source{Name: "crm", CreatedAt: at, DisabledAt: &at, Organizations: []string{"00D"},
			Tokens: []store.Token{{}, {ExpiresAt: &at}, {ExpiresAt: &soon}}},
			`{"name":"crm","enabled":false,"organizations":["00D"],"urls":2,"old_url_ends":` + quoted(t, soon) +
				`,"created_at":"2026-11-22T01:02:03.456789Z"}`},
		{store.ClientCertificate{Source: "crm", Subject: "CN=a", Issuer: "CN=b", SHA256: [32]byte{1},
			NotBefore: now, NotAfter: soon, FirstSeen: now, LastSeen: until, Chain: "PEM"},
			`{"source":"crm","subject":"CN=a","issuer":"CN=b",` +
				`"fingerprint":"0100000000000000000000000000000000000000000000000000000000000000",` +
				`"not_before":"2026-11-22T01:02:03.456789Z","not_after":"` + ledger.FormatTime(soon) + `","days_left":1,` +
				`"first_seen":"2026-11-22T01:02:03.456789Z","last_seen":"2026-11-22T02:02:03.456789Z","verdict":"accepted",` +
				`"chain":"PEM"}`},
	} {
		got, err := test.what.(json.Marshaler).MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, string(got)); diff != "" {
			t.Errorf("%T (-want +got):\n%s", test.what, diff)
		}
	}
}

// Readers of lines, such as Python's splitlines, end one at these characters.
func TestJSONIsOneLineForEveryReader(t *testing.T) {
	t.Parallel()
	const raw = "a\u0085b\u2028c\u2029d"
	text := raw
	for _, what := range []json.Marshaler{
		store.Notification{
			Source: raw, ObjectType: &text, RecordID: &text, Fields: json.RawMessage(`{"` + raw + `":["` + raw + `"]}`),
		},
		store.Refusal{Detail: raw, RequestID: raw}, store.RefusalCount{Cause: raw}, store.Source{Name: raw},
		store.ClientCertificate{Subject: raw, Problem: raw},
	} {
		got, err := what.MarshalJSON()
		if err != nil || strings.ContainsAny(string(got), "\u0085\u2028\u2029") ||
			!strings.Contains(string(got), `a\u0085b\u2028c\u2029d`) {
			t.Errorf("%T: got %s, %v, want the escapes", what, got, err)
		}
		var decoded map[string]any
		if err := json.Unmarshal(got, &decoded); err != nil {
			t.Errorf("%T: %v", what, err)
		}
	}
}

func quoted(t *testing.T, at time.Time) string {
	t.Helper()
	text, err := json.Marshal(at)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
