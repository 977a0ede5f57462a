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
			Source: "one", SourceID: source.ID, Cause: "syntax", Status: 400, Detail: "unexpected end", Line: 3,
			Column: 14, Size: 1 << 40, RequestID: "r-1", RemoteAddr: "192.0.2.1", At: now,
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

// Headers of a request end up here: anything may be in them.
func TestRefuseTakesAnyText(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		r := store.Refusal{Cause: "encoding", Detail: "a\x00b\xffc", RequestID: strings.Repeat("é", 600), At: now}
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
