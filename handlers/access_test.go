package handlers_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"ackbox/handlers"
	"ackbox/internal/access"
	"ackbox/internal/access/address"
	"ackbox/store/storetest"
)

// reporting configures address ranges in report mode, in which nobody here is.
func reporting(t *testing.T) func(*handlers.Config) {
	t.Helper()
	ranges, err := address.NewRanges(address.RangesConfig{From: []string{"192.0.2.0/24"}})
	if err != nil {
		t.Fatal(err)
	}
	return func(c *handlers.Config) { c.Access.Ranges, c.Access.RangesMode = ranges, access.Report }
}

// What a check in report mode would have refused is reported of messages that are taken only: of
// one that is refused for another reason, "taken" would be a lie, and whoever decides on enforce by
// it would see more than there is to lose.
func TestOnlyMessagesThatAreTakenAreReported(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		in := newInbox(t, db.Store, reporting(t))
		if a := in.post(t, envelope("04l1")); !a.isAck() {
			t.Fatalf("got %d %s", a.status, a.body)
		}
		in.post(t, "hello")
		type line struct {
			Cause  string
			Status int
		}
		var got []line
		for _, r := range in.refusals(t) {
			got = append(got, line{r.Cause, r.Status})
		}
		if diff := cmp.Diff([]line{{"address", 200}, {"shape", 400}}, got); diff != "" {
			t.Error(diff)
		}
		eventually(t, "both are counted", func() bool {
			return cmp.Equal(in.counts(t), map[string]int64{"crm address": 1, "crm shape": 1})
		})
	})
}
