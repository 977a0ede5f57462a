package relay_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"ackbox/relay"
	"ackbox/store"
)

// documented returns the notification and the expressions of docs/filters.md.
func documented(tb testing.TB) (n store.Notification, expressions []string) {
	tb.Helper()
	page, err := os.ReadFile("../docs/filters.md")
	if err != nil {
		tb.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "```json\n")
	fields, rest, closed := strings.Cut(rest, "\n```")
	_, rest, next := strings.Cut(rest, "```\n")
	examples, _, ended := strings.Cut(rest, "\n```")
	if !found || !closed || !next || !ended {
		tb.Fatal("docs/filters.md has no examples")
	}
	object := "Lead"
	return store.Notification{
		Source: "crm", OrganizationID: "00Dxx0000001gPLEAY", ActionID: "04k1", Revision: 1,
		ObjectType: &object, Fields: json.RawMessage(fields),
	}, strings.Split(examples, "\n")
}

func compile(tb testing.TB, f store.DestinationFilter) relay.Filter {
	tb.Helper()
	filter, err := relay.CompileFilter(f)
	if err != nil {
		tb.Fatal(err)
	}
	return filter
}

func TestTheExamplesOfFiltersMatch(t *testing.T) {
	t.Parallel()
	n, expressions := documented(t)
	if len(expressions) < 10 {
		t.Errorf("got %d examples", len(expressions))
	}
	for _, text := range expressions {
		if wanted, err := compile(t, store.DestinationFilter{Expression: text})(&n); !wanted || err != nil {
			t.Errorf("%s: got %t, %v", text, wanted, err)
		}
		opposite := "not (" + text + ")"
		if wanted, err := compile(t, store.DestinationFilter{Expression: opposite})(&n); wanted || err != nil {
			t.Errorf("%s: got %t, %v", opposite, wanted, err)
		}
	}
}

func TestSourcesAndObjects(t *testing.T) {
	t.Parallel()
	n, _ := documented(t)
	without := n
	without.ObjectType, without.Fields = nil, nil
	for name, test := range map[string]struct {
		filter store.DestinationFilter
		n      *store.Notification
		want   bool
	}{
		"everything":    {store.DestinationFilter{}, &n, true},
		"no record":     {store.DestinationFilter{}, &without, true},
		"source":        {store.DestinationFilter{Sources: []string{"a", "crm"}}, &n, true},
		"other source":  {store.DestinationFilter{Sources: []string{"CRM"}}, &n, false},
		"object":        {store.DestinationFilter{Objects: []string{"lead"}}, &n, true},
		"other object":  {store.DestinationFilter{Objects: []string{"Leads"}}, &n, false},
		"no object":     {store.DestinationFilter{Objects: []string{"Lead"}}, &without, false},
		"and filter":    {store.DestinationFilter{Objects: []string{"Lead"}, Expression: "revision > 1"}, &n, false},
		"blank filter":  {store.DestinationFilter{Expression: " \n"}, &n, true},
		"fields absent": {store.DestinationFilter{Expression: "fields.Company == nil"}, &without, true},
	} {
		if got, err := compile(t, test.filter)(test.n); got != test.want || err != nil {
			t.Errorf("%s: got %t, %v, want %t", name, got, err, test.want)
		}
	}
}

func TestWhatCannotBeComputedIsNoMatch(t *testing.T) {
	t.Parallel()
	n, _ := documented(t)
	for _, text := range []string{
		`fields.Company > 5`, `fields.Website > 5`, `fields.City > 5`, `fields.Company`,
		`fields.Id.Name == "x"`, `fields["x"]["y"] == 1`, `1 / 0 > fields.Company`,
		`int(fields.Company) == 1`, `len(1..900000000) == fields.NumberOfEmployees`,
	} {
		filter, err := relay.CompileFilter(store.DestinationFilter{Expression: text})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if wanted, err := filter(&n); wanted || err == nil {
			t.Errorf("%s: got %t, %v, want an error", text, wanted, err)
		}
	}
}

func TestAWrongFilterShowsThePlace(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"object ==":                        "line 1, column 9: unexpected token EOF",
		"object == \"Lead\" and\n  wrong":  "line 2, column 3: unknown name wrong",
		`object > 5`:                       "line 1, column 8: invalid operation",
		`object`:                           "expected bool",
		`all(fields, true)`:                "all",
		strings.Repeat("(", 20_000):        "longer than 10000 bytes",
		strings.Repeat("1+", 2000) + "1>0": "exceeds maximum",
	} {
		_, err := relay.CompileFilter(store.DestinationFilter{Expression: text})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: got %v, want %s", text, err, want)
		}
	}
}

// Whatever the expression and the fields are, a filter neither panics nor takes long.
func FuzzFilter(f *testing.F) {
	n, expressions := documented(f)
	for _, text := range expressions {
		f.Add(text, string(n.Fields))
	}
	f.Add(`fields.a[1:2] == nil`, `{"a":[1,{"b":null}]}`)
	f.Fuzz(func(t *testing.T, text, fields string) {
		if !json.Valid([]byte(fields)) {
			t.Skip()
		}
		filter, err := relay.CompileFilter(store.DestinationFilter{Expression: text})
		if err != nil {
			return
		}
		n := n
		n.Fields = json.RawMessage(fields)
		if wanted, err := filter(&n); wanted && err != nil {
			t.Errorf("got %t and %v", wanted, err)
		}
	})
}
