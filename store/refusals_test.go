package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbox/store"
	"ackbox/store/storetest"
)

func TestRefusals(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		full := store.Refusal{
			Source: "one", SourceID: source.ID, Cause: "syntax", Status: 400,
			Detail: "unexpected end", Line: 3, Column: 14, Size: 1 << 40,
			RequestID: "r-1", RemoteAddr: "192.0.2.1", At: now,
			OrganizationID: "00D5g00000ABCDEEA4", ActionID: "04k", ObjectType: "Lead", Notifications: 100, Reported: true,
		}
		byName, byID := full, full
		byName.SourceID, byName.At = 0, now.Add(time.Hour)
		byID.Source, byID.At = "", now.Add(2*time.Hour)
		none := store.Refusal{Cause: "encoding", Status: 415, At: now.Add(3 * time.Hour)}
		want := []store.Refusal{full, full, full, none}
		for i, r := range []store.Refusal{full, byName, byID, none} {
			if err := db.Store.Refuse(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			want[i].ID, want[i].At = int64(i+1), moment.Add(time.Duration(i)*time.Hour)
		}
		for _, test := range []struct {
			name   string
			filter store.RefusalFilter
			want   []store.Refusal
		}{
			{"all", store.RefusalFilter{}, want},
			{"source", store.RefusalFilter{Source: "one"}, want[:3]},
			{"since", store.RefusalFilter{Since: now.Add(2 * time.Hour)}, want[2:]},
			{"both", store.RefusalFilter{Source: "one", Since: now.Add(2 * time.Hour)}, want[2:3]},
		} {
			if diff := cmp.Diff(test.want, refusals(t, db.Store, test.filter)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.name, diff)
			}
		}
		err := db.Store.Refusals(t.Context(), store.RefusalFilter{Source: "none"}, nil)
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("unknown source: got %v, want %v", err, store.ErrNotFound)
		}
	})
}

// Headers of a request are recorded here: they may contain anything.
func TestRefuseAcceptsAnyText(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		r := store.Refusal{
			Cause: "encoding", Detail: "a\x00b\xffc", RequestID: strings.Repeat("é", 600), At: now,
		}
		if err := db.Store.Refuse(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		got := refusals(t, db.Store, store.RefusalFilter{})[0]
		if want := "a\uFFFDb\uFFFDc"; got.Detail != want {
			t.Errorf("got %q, want %q", got.Detail, want)
		}
		if want := strings.Repeat("é", 500); got.RequestID != want {
			t.Errorf("got %q, want %q", got.RequestID, want)
		}
	})
}

// What replaces bytes is longer than they are: a text is cut after that, between characters.
func TestRefuseCutsTextsTo1000Bytes(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		strings.Repeat("\xffa", 600):          strings.Repeat("\uFFFDa", 250),
		strings.Repeat("\x00", 1000):          strings.Repeat("\uFFFD", 333),
		strings.Repeat("\x00", 333) + "\xffb": strings.Repeat("\uFFFD", 333),
		"a" + strings.Repeat("é", 600):        "a" + strings.Repeat("é", 499),
		strings.Repeat("a", 1000):             strings.Repeat("a", 1000),
		strings.Repeat("a", 999) + "\xff":     strings.Repeat("a", 999),
		strings.Repeat("a", 1001):             strings.Repeat("a", 1000),
	}
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		for text, want := range tests {
			if err := db.Store.Refuse(t.Context(), store.Refusal{Detail: text, At: now}); err != nil {
				t.Fatal(err)
			}
			all := refusals(t, db.Store, store.RefusalFilter{})
			if got := all[len(all)-1].Detail; got != want {
				t.Errorf("%.20q…: got %d bytes, %.20q…, want %d", text, len(got), got, len(want))
			}
		}
	})
}

func refusals(t *testing.T, db *store.Store, filter store.RefusalFilter) (found []store.Refusal) {
	t.Helper()
	err := db.Refusals(t.Context(), filter, func(r store.Refusal) error {
		found = append(found, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// A flood of bad requests must not fill the disk.
func TestRefusalsOfACauseAreBounded(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		addSource(t, db.Store, "one")
		addSource(t, db.Store, "two")
		refuse := func(source, cause string, times int) {
			for i := range times {
				r := store.Refusal{Source: source, Cause: cause, Status: i, At: now}
				if err := db.Store.Refuse(t.Context(), r); err != nil {
					t.Fatal(err)
				}
			}
		}
		refuse("two", "flood", 3)
		refuse("one", "other", 3)
		refuse("", "flood", store.MaxRefusals+2)
		refuse("one", "flood", store.MaxRefusals+5)
		got := map[string]int{}
		first := map[string]int{}
		for _, r := range refusals(t, db.Store, store.RefusalFilter{}) {
			key := r.Source + " " + r.Cause
			if got[key]++; got[key] == 1 {
				first[key] = r.Status
			}
		}
		want := map[string]int{
			"two flood": 3, "one other": 3, " flood": store.MaxRefusals, "one flood": store.MaxRefusals,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if first["one flood"] != 5 || first[" flood"] != 2 {
			t.Errorf("the oldest that are kept are %v, want the newest to be kept", first)
		}
	})
}

func TestRefusalCounts(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		day := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
		at := func(hours int) time.Time { return day.Add(time.Duration(hours) * time.Hour) }
		count := func(process string, counts ...store.RefusalCount) {
			t.Helper()
			if err := db.Store.CountRefusals(t.Context(), process, counts); err != nil {
				t.Fatal(err)
			}
		}
		count("p1", store.RefusalCount{at(1), "crm", "malformed", 400, false, 7})
		count("p1", store.RefusalCount{at(1), "", "unknown_token", 404, false, 1 << 40})
		for range 2 { // a total, in place of the 7; written again it counts nothing twice
			count("p1", store.RefusalCount{at(23), "crm", "malformed", 400, false, 9})
		}
		count("p2", store.RefusalCount{at(2), "crm", "malformed", 400, false, 1})
		count("p2", store.RefusalCount{at(2), "crm", "address", 200, true, 2})
		count("p2", store.RefusalCount{at(24), "crm", "malformed", 400, false, 3})
		count("p2", store.RefusalCount{at(24), "erp", "malformed", 400, false, 4})
		next := day.AddDate(0, 0, 1)
		want := []store.RefusalCount{
			{day, "", "unknown_token", 404, false, 1 << 40},
			{day, "crm", "address", 200, true, 2}, {day, "crm", "malformed", 400, false, 10},
			{next, "crm", "malformed", 400, false, 3}, {next, "erp", "malformed", 400, false, 4},
		}
		for _, test := range []struct {
			name   string
			filter store.RefusalFilter
			want   []store.RefusalCount
		}{
			{"all", store.RefusalFilter{}, want},
			{"source", store.RefusalFilter{Source: "crm"}, []store.RefusalCount{want[1], want[2], want[3]}},
			{"since", store.RefusalFilter{Since: at(30)}, want[3:]},
			{"none", store.RefusalFilter{Source: "gone"}, []store.RefusalCount{}},
		} {
			got, err := db.Store.RefusalCounts(t.Context(), test.filter)
			if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
				t.Errorf("%s: %v (-want +got):\n%s", test.name, err, diff)
			}
		}
		if _, err := db.Store.Prune(t.Context(), at(24+72), store.Retention{OlderThan: 72 * time.Hour}, nil); err != nil {
			t.Fatal(err)
		}
		got, err := db.Store.RefusalCounts(t.Context(), store.RefusalFilter{})
		if diff := cmp.Diff(want[3:], got); err != nil || diff != "" {
			t.Errorf("pruned: %v (-want +got):\n%s", err, diff)
		}
	})
}
