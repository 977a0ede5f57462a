package e2e_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var timeForm = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$`)

func TestExportWritesWhatWasSent(t *testing.T) {
	t.Parallel()
	const fields = `<sf:AnnualRevenue>1.0E7</sf:AnnualRevenue>` +
		`<sf:City> Bonn &amp; &lt;b&gt; ü🚀&#x9; </sf:City>` +
		`<sf:Company></sf:Company><sf:Email xsi:nil="true"/><sf:IsConverted>1</sf:IsConverted>` +
		`<sf:NumberOfEmployees>007</sf:NumberOfEmployees>` +
		`<sf:SystemModstamp>2026-11-22T01:02:03.000Z</sf:SystemModstamp><sf:Zip__c>0050</sf:Zip__c>`
	const wantFields = `{"Id":"00QS10000000001IAA","AnnualRevenue":1.0E7,` +
		`"City":" Bonn & <b> ü🚀\t ","Company":"",` +
		`"Email":null,"IsConverted":true,"NumberOfEmployees":"007",` +
		`"SystemModstamp":"2026-11-22T01:02:03.000Z","Zip__c":"0050"}`
	each(t, func(t *testing.T, database string) {
		s := startWith(t, database, "crm")
		before := time.Now().Add(-time.Millisecond)
		for _, notification := range []string{
			lead("04lS10000000001IAA", "00QS10000000001IAA", fields),
			`<Notification><Id>04lS10000000002IAA</Id></Notification>`,
		} {
			requireAck(t, post(t, s.url("crm"), envelope(notification)))
		}
		text := s.ok("export")
		stored := decodeLines[line](t, text)
		if len(stored) != 2 {
			t.Fatalf("got %d lines, want 2", len(stored))
		}
		head := func(l line, notification string) string {
			return fmt.Sprintf(`{"id":%d,"source":"crm","organization_id":"%s","action_id":"%s",`+
				`"notification_id":"%s","revision":1,`, l.ID, organization, action, notification)
		}
		want := head(stored[0], "04lS10000000001IAA") +
			`"object_type":"Lead","record_id":"00QS10000000001IAA","fields":` + wantFields +
			`,"received_at":"` + stored[0].ReceivedAt +
			`","intake":"soap","operation":null,"changed_at":"2026-11-22T01:02:03.000000Z"}` + "\n" +
			head(stored[1], "04lS10000000002IAA") +
			`"object_type":null,"record_id":null,"fields":null` +
			`,"received_at":"` + stored[1].ReceivedAt +
			`","intake":"soap","operation":null,"changed_at":null}` + "\n"
		if diff := cmp.Diff(want, text); diff != "" {
			t.Errorf("export (-want +got):\n%s", diff)
		}
		for _, l := range stored {
			at, err := time.Parse(time.RFC3339, l.ReceivedAt)
			if err != nil || !timeForm.MatchString(l.ReceivedAt) ||
				at.Before(before) || at.After(time.Now()) {
				t.Errorf("got the time %s, want that of the post in UTC with six decimals", l.ReceivedAt)
			}
		}
		requireCSV(t, s.ok("export", "--format", "csv"), stored)
	})
}

// requireCSV checks that the CSV holds the same values. A null is empty there.
func requireCSV(t *testing.T, text string, stored []line) {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"id", "source", "organization_id", "action_id", "notification_id", "revision",
		"object_type", "record_id", "fields", "received_at", "intake", "operation", "changed_at"}}
	orEmpty := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	for _, l := range stored {
		fields := string(l.Fields)
		if fields == "null" {
			fields = ""
		}
		want = append(want, []string{
			strconv.FormatInt(l.ID, 10), l.Source, l.OrganizationID, l.ActionID, l.NotificationID,
			strconv.Itoa(l.Revision), orEmpty(l.ObjectType), orEmpty(l.RecordID), fields, l.ReceivedAt,
			l.Intake, orEmpty(l.Operation), orEmpty(l.ChangedAt),
		})
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("CSV (-want +got):\n%s", diff)
	}
}

func TestExportFilters(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		in := install(t, "DATABASE_URL="+database)
		in.add("crm")
		in.add("shop")
		s := in.serve()
		s.ready()
		requireAck(t, post(t, s.url("crm"), one("0001")))
		requireAck(t, post(t, s.url("shop"), one("0002")))
		account := bytes.Replace(one("0003"), []byte("sf:Lead"), []byte("sf:Account"), 1)
		requireAck(t, post(t, s.url("crm"), account))
		again := envelope(lead("04lS10000000004IAA", "00QS10000000001IAA", "")) // the first record
		requireAck(t, post(t, s.url("crm"), again))
		all := s.export()
		byID := func(a, b line) int { return int(a.ID - b.ID) }
		if len(all) != 4 || !slices.IsSortedFunc(all, byID) {
			t.Fatalf("got %+v, want 4 lines by id", all)
		}
		for _, test := range []struct {
			flags string
			want  []int // indexes in all
		}{
			{"--object Lead", []int{0, 1, 3}},
			{"--object Account", []int{2}},
			{"--object Case", nil},
			{"--record 00QS10000000001IAA", []int{0, 3}},
			{"--source shop", []int{1}},
			{"--source crm --object Lead", []int{0, 3}},
			{fmt.Sprintf("--after %d", all[1].ID), []int{2, 3}},
			{fmt.Sprintf("--after %d", all[3].ID), nil},
			{"--since " + all[2].ReceivedAt, []int{2, 3}},
			{"--until " + all[2].ReceivedAt, []int{0, 1}},
			{"--since " + all[1].ReceivedAt + " --until " + all[3].ReceivedAt, []int{1, 2}},
			{"--since 1h", []int{0, 1, 2, 3}},
			{"--until 1h", nil},
			{"--until 2000-01-02", nil},
		} {
			want := []line{}
			for _, i := range test.want {
				want = append(want, all[i])
			}
			if diff := cmp.Diff(want, s.export(strings.Fields(test.flags)...)); diff != "" {
				t.Errorf("export %s (-want +got):\n%s", test.flags, diff)
			}
		}
	})
}
