package simulate_test

import (
	"encoding/base64"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"ackbox/simulate"
	"ackbox/wsdl"

	"github.com/google/go-cmp/cmp"
)

func newGenerator(tb testing.TB, o simulate.GeneratorOptions) *simulate.Generator {
	tb.Helper()
	g, err := simulate.NewGenerator(definition(), o)
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

func TestRecordsHaveTheFieldsOfTheWSDL(t *testing.T) {
	t.Parallel()
	forms := map[string]*regexp.Regexp{
		"Id":                regexp.MustCompile(`^00Q[0-9A-Za-z]{15}$`),
		"Amount__c":         regexp.MustCompile(`^-?\d+\.\d{1,2}$`),
		"AnnualRevenue":     regexp.MustCompile(`^\d+\.\d+(E\d+)?$`),
		"Birthdate__c":      regexp.MustCompile(`^\d{4}-\d\d-\d\d$`),
		"CreatedDate":       regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$`),
		"Email":             regexp.MustCompile(`^[a-z.]+\d+@[a-z]+\.example$`),
		"IsConverted":       regexp.MustCompile(`^(true|false)$`),
		"Longitude":         regexp.MustCompile(`^-?\d{1,3}\.\d{1,7}$`),
		"NumberOfEmployees": regexp.MustCompile(`^\d+$`),
		"Opens__c":          regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d{3}Z$`),
		"OwnerId":           regexp.MustCompile(`^005[0-9A-Za-z]{15}$`),
		"Phone":             regexp.MustCompile(`^\+\d+ \d+ \d+$`),
	}
	m := newGenerator(t, simulate.GeneratorOptions{Seed: 1}).Message(100)
	for _, n := range decodeMessage(t, m.Append(nil)).notifications {
		if n.kind != "sf:Lead" || n.names[0] != "Id" || !slices.IsSorted(n.names[1:]) {
			t.Fatalf("type %s, fields %v: want sf:Lead, Id first and the rest by code point", n.kind,
				n.names)
		}
		for name, value := range n.fields {
			if form := forms[name]; form != nil && !form.MatchString(value) || value == "" {
				t.Errorf("%s is %q", name, value)
			}
		}
		if _, err := base64.StdEncoding.DecodeString(n.fields["Attachment__c"]); err != nil {
			t.Errorf("Attachment__c: %v", err)
		}
		for _, needed := range []string{"Company", "LastName", "Status", "OwnerId", "CreatedDate"} {
			if n.fields[needed] == "" {
				t.Errorf("%s is null, Salesforce requires it", needed)
			}
		}
		if n.id != simulate.FullID(n.id[:15]) || n.recordID != simulate.FullID(n.recordID[:15]) {
			t.Errorf("ids %s and %s: wrong check characters", n.id, n.recordID)
		}
	}
}

func TestSomeFieldsAreNullAndSomeTextsAreUnusual(t *testing.T) {
	t.Parallel()
	g := newGenerator(t, simulate.GeneratorOptions{Seed: 1})
	seen := map[string]bool{}
	nulls := 0
	for range 20 {
		for _, n := range decodeMessage(t, g.Message(100).Append(nil)).notifications {
			nulls += len(definition().Fields) - len(n.names)
			for _, value := range n.fields {
				seen["escaped"] = seen["escaped"] || strings.ContainsAny(value, "<&>")
				seen["line break"] = seen["line break"] || strings.Contains(value, "\n")
				seen["carriage return"] = seen["carriage return"] || strings.Contains(value, "\r\n")
				seen["emoji"] = seen["emoji"] || strings.ContainsFunc(value,
					func(r rune) bool { return r > 0xFFFF })
				seen["accent"] = seen["accent"] || strings.ContainsFunc(value, func(r rune) bool {
					return r > unicode.MaxASCII && unicode.Is(unicode.Latin, r)
				})
				seen["exponent"] = seen["exponent"] || regexp.MustCompile(`^\d\.\d+E7$`).MatchString(value)
			}
		}
	}
	want := map[string]bool{
		"escaped": true, "line break": true, "carriage return": true, "emoji": true, "accent": true,
		"exponent": true,
	}
	if diff := cmp.Diff(want, seen); diff != "" || nulls == 0 {
		t.Errorf("%d nulls; kinds of text in 2000 records (-want +got):\n%s", nulls, diff)
	}
}

func TestSeedMakesMessagesReproducible(t *testing.T) {
	t.Parallel()
	send := func(seed uint64) string {
		g := newGenerator(t, simulate.GeneratorOptions{Seed: seed, Changes: 0.5})
		return string(g.Message(50).Append(g.Message(50).Append(nil)))
	}
	first := send(7)
	if again := send(7); again != first {
		t.Error("the same seed made other messages")
	}
	unseeded := send(0)
	if send(8) == first || unseeded == first || send(0) == unseeded {
		t.Error("another seed, or none, made the same messages")
	}
}

func TestIdsAreNeverUsedAgain(t *testing.T) {
	t.Parallel()
	g := newGenerator(t, simulate.GeneratorOptions{Changes: 0.3})
	seen := map[string]bool{}
	for range 200 {
		for _, n := range g.Message(100).Notifications {
			if seen[n.ID] {
				t.Fatalf("%s came twice", n.ID)
			}
			seen[n.ID] = true
		}
	}
}

func TestAPoolOfRecords(t *testing.T) {
	t.Parallel()
	const size = 300
	options := simulate.GeneratorOptions{Seed: 4, Pool: size}
	g, same := newGenerator(t, options), newGenerator(t, options)
	last, created, several := map[string]string{}, map[string]string{}, 0
	for range 40 {
		m := g.Message(100)
		if got := string(same.Message(100).Append(nil)); got != string(m.Append(nil)) {
			t.Fatal("the same seed made another message")
		}
		for _, n := range decodeMessage(t, m.Append(nil)).notifications {
			at, before := n.fields["LastModifiedDate"], last[n.recordID]
			if before != "" {
				several++
				if at <= before || n.fields["CreatedDate"] != created[n.recordID] {
					t.Fatalf("%s: changed at %s, created at %s; before at %s, %s", n.recordID, at,
						n.fields["CreatedDate"], before, created[n.recordID])
				}
			}
			if n.fields["CreatedDate"] >= at {
				t.Fatalf("%s: changed at %s, but created at %s", n.recordID, at, n.fields["CreatedDate"])
			}
			last[n.recordID], created[n.recordID] = at, n.fields["CreatedDate"]
		}
	}
	if len(last) < size*9/10 || len(last) > size || several == 0 {
		t.Errorf("got %d records, %d changes of one that had changed before, want nearly all of %d",
			len(last), several, size)
	}
}

func TestRecordsChangeOverTime(t *testing.T) {
	t.Parallel()
	g := newGenerator(t, simulate.GeneratorOptions{Seed: 3, Changes: 0.5})
	last := map[string]decodedNotification{}
	changed := 0
	for range 20 {
		for _, n := range decodeMessage(t, g.Message(100).Append(nil)).notifications {
			created, modified := n.fields["CreatedDate"], n.fields["LastModifiedDate"]
			if created > modified || modified != n.fields["SystemModstamp"] {
				t.Fatalf("created %s, modified %s, stamp %s", created, modified, n.fields["SystemModstamp"])
			}
			if before, ok := last[n.recordID]; ok {
				changed++
				if before.fields["LastModifiedDate"] >= modified || before.fields["CreatedDate"] != created {
					t.Fatalf("modified %s, then %s", before.fields["LastModifiedDate"], modified)
				}
				if cmp.Equal(withoutTimes(before.fields), withoutTimes(n.fields)) {
					t.Fatal("nothing changed but the time")
				}
			}
			last[n.recordID] = n
		}
	}
	if changed < 500 {
		t.Errorf("%d of 2000 notifications are of a record that changed, want about half", changed)
	}
}

// withoutTimes returns the fields except those that every change changes.
func withoutTimes(fields map[string]string) map[string]string {
	rest := maps.Clone(fields)
	delete(rest, "LastModifiedDate")
	delete(rest, "SystemModstamp")
	return rest
}

func TestChangedLeavesTheRecordAsItWas(t *testing.T) {
	t.Parallel()
	g := newGenerator(t, simulate.GeneratorOptions{Seed: 3})
	m := g.Message(1)
	before := string(m.Append(nil))
	newer := *m
	n := m.Notifications[0]
	newer.Notifications = []simulate.Notification{{ID: n.ID, Record: g.Changed(n.Record)}}
	if string(m.Append(nil)) != before {
		t.Error("the record itself was changed")
	}
	if string(newer.Append(nil)) == before {
		t.Error("the newer record is the same")
	}
}

func TestObjectsHaveTheirPrefix(t *testing.T) {
	t.Parallel()
	for object, prefix := range map[string]string{
		"Lead": "00Q", "Account": "001", "Contact": "003", "Opportunity": "006", "Case": "500",
		"acme__Sample__c": "a0X",
	} {
		g, err := simulate.NewGenerator(&wsdl.Definition{Object: object}, simulate.GeneratorOptions{})
		if err != nil {
			t.Fatal(err)
		}
		n := decodeMessage(t, g.Message(1).Append(nil)).notifications[0]
		if n.recordID[:3] != prefix || n.kind != "sf:"+object || len(n.names) != 1 {
			t.Errorf("%s: record %s of type %s with %v", object, n.recordID, n.kind, n.names)
		}
	}
}

func TestVersionsAreOldAndNewAndTheDefinitionKeepsItsId(t *testing.T) {
	t.Parallel()
	versions, actions := map[string]bool{}, map[string]bool{}
	for range 200 {
		m := newGenerator(t, simulate.GeneratorOptions{}).Definition()
		versions[m.APIVersion], actions[m.ActionID] = true, true
	}
	if len(versions) < 5 || len(actions) != 1 {
		t.Errorf("versions %v, ActionIds %v: want several and one", versions, actions)
	}
	m := newGenerator(t, simulate.GeneratorOptions{APIVersion: "41.0", Host: "x.example"}).Message(1)
	want := "https://x.example/services/Soap/c/41.0/00DS10000004acK"
	if got := decodeMessage(t, m.Append(nil)).enterpriseURL; got != want {
		t.Errorf("EnterpriseUrl %s, want %s", got, want)
	}
}

func TestNewGeneratorRejectsInvalidNames(t *testing.T) {
	t.Parallel()
	for _, d := range []wsdl.Definition{
		{}, {Object: "a b"}, {Object: "Lead", Fields: []wsdl.Field{{Name: "><", Type: "string"}}},
	} {
		if _, err := simulate.NewGenerator(&d, simulate.GeneratorOptions{}); err == nil {
			t.Errorf("%+v was accepted", d)
		}
	}
	if _, err := simulate.NewGenerator(definition(),
		simulate.GeneratorOptions{OrganizationID: "00D"}); err == nil {
		t.Error("an organization id of 3 characters was accepted")
	}
}

func BenchmarkMessage(b *testing.B) {
	g := newGenerator(b, simulate.GeneratorOptions{Changes: 0.2})
	var body []byte
	b.ReportAllocs()
	for b.Loop() {
		body = g.Message(100).Append(body[:0])
	}
	b.ReportMetric(float64(len(body)), "bytes/message")
}

func BenchmarkAppend(b *testing.B) {
	m := newGenerator(b, simulate.GeneratorOptions{}).Message(100)
	body := m.Append(nil)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		body = m.Append(body[:0])
	}
}
