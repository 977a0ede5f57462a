package handlers_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ackbox/handlers"
	"ackbox/store"
	"ackbox/store/storetest"
)

// refused is what a refusal says of the message.
type refused struct {
	Cause, Organization, Action, Object string
	Notifications                       int
	Reported                            bool
}

func refusedOf(r store.Refusal) refused {
	return refused{r.Cause, r.OrganizationID, r.ActionID, r.ObjectType, r.Notifications, r.Reported}
}

func TestRefusalsSayWhoWasRefused(t *testing.T) {
	t.Parallel()
	const action, other = "04k5g000000TestAAA", "00D5g00000OTHERAAA"
	whole := envelope("04l1", "04l2", "04l3")
	cases := []struct {
		body string
		want refused
	}{
		{strings.ReplaceAll(whole, organization, other),
			refused{"organization", other, action, "Lead", 3, false}},
		{strings.Replace(whole, "<Id>04l3</Id>", "<!DOCTYPE a>", 1),
			refused{"forbidden", organization, action, "Lead", 3, false}},
		{whole[:strings.Index(whole, "<Notification>")], refused{"malformed", organization, action, "", 0, false}},
		{"hello", refused{Cause: "shape"}},
		{strings.Replace(whole, organization, "00D\u202e"+strings.Repeat("x", 200), 1),
			refused{"organization", "00D\ufffd" + strings.Repeat("x", 74), action, "Lead", 3, false}},
	}
	onEach(t, func(t *testing.T, in *inbox) {
		for i, c := range cases {
			in.post(t, c.body)
			got := in.refusals(t)
			if len(got) != i+1 {
				t.Fatalf("got %d refusals, want %d", len(got), i+1)
			}
			if diff := cmp.Diff(c.want, refusedOf(got[i])); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
		want := "organization_id=" + other + " action_id=" + action + " object_type=Lead notifications=3"
		if !strings.Contains(in.log.String(), want) {
			t.Errorf("the log lacks %q", want)
		}
	})
}

// What a check in report mode finds is told apart by a field of its own, in the record and in the
// counts, and says which message it was.
func TestReportsAreToldApartFromRefusals(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		in := newInbox(t, db.Store, reporting(t))
		in.post(t, envelope("04l1", "04l2"))
		in.post(t, "hello")
		var got []refused
		for _, r := range in.refusals(t) {
			got = append(got, refusedOf(r))
		}
		want := []refused{
			{"address", organization, "04k5g000000TestAAA", "Lead", 2, true}, {Cause: "shape"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		eventually(t, "both are counted", func() bool {
			counts, err := in.db.RefusalCounts(t.Context(), store.RefusalFilter{})
			return err == nil && len(counts) == 2 && counts[0].Reported && !counts[1].Reported
		})
	})
}

// A message that could not be stored is not on record, because the database is not there for it,
// but the log says which one it was.
func TestTheLogSaysWhoseMessageWasNotStored(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.SQLite)
	in := newInbox(t, db.Store, func(c *handlers.Config) { c.Store = full{db.Store} })
	in.post(t, envelope("04l1"))
	want := "organization_id=" + organization + " action_id=04k5g000000TestAAA object_type=Lead notifications=1"
	if !strings.Contains(in.log.String(), want) {
		t.Errorf("the log lacks %q", want)
	}
}

// full is a database whose queue is full.
type full struct{ *store.Store }

func (full) Save(context.Context, store.Inbound) (store.Saved, error) {
	return store.Saved{}, store.ErrOverloaded
}
