package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbox/store"
	"ackbox/store/storetest"
)

// The machine's clock jumps a year ahead and two back. Notifications are identified without the
// time and ordered by id, so none is stored twice, lost or reordered.
func TestSaveWhenTheClockJumps(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		ahead, back := now.AddDate(1, 0, 0), now.AddDate(-1, 0, 0)
		for i, at := range []time.Time{now, ahead, back} {
			saved := save(t, db.Store, source, batchOf(entry("same", "0"), entry("revised", fmt.Sprint(i)),
				entry(fmt.Sprintf("new %d", i), "0")), at)
			want := store.Saved{Stored: 1, Revisions: 1, Duplicates: 1}
			if i == 0 {
				want = store.Saved{Stored: 3}
			}
			if diff := cmp.Diff(want, saved); diff != "" {
				t.Errorf("at %s (-want +got):\n%s", at, diff)
			}
		}
		var got []string
		for _, n := range export(t, db.Store, store.NotificationFilter{}) {
			if n.NotificationID == "revised" {
				got = append(got, fmt.Sprintf("%d: %s", n.Revision, n.Fields))
			}
		}
		if diff := cmp.Diff([]string{"1: 0", "2: 1", "3: 2"}, got); diff != "" {
			t.Errorf("revisions (-want +got):\n%s", diff)
		}
	})
}

// For Prune, a notification that was received while the clock was behind is old, and one from when
// it was ahead is not. What has a newer revision or comes from the future stays.
func TestPruneAfterTheClockJumped(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		ahead, behind := now.AddDate(1, 0, 0), now.AddDate(-1, 0, 0)
		save(t, db.Store, source, batchOf(entry("ahead", "0"), entry("both", "0")), ahead)
		save(t, db.Store, source, batchOf(entry("behind", "0"), entry("both", "1")), behind)
		pruned, err := db.Store.Prune(t.Context(), now, store.Retention{OlderThan: store.MinRetention}, nil)
		if err != nil || pruned != 1 {
			t.Errorf("got %d, %v, want 1", pruned, err)
		}
		if left := export(t, db.Store, store.NotificationFilter{}); len(left) != 3 {
			t.Errorf("got %d left, want 3", len(left))
		}
	})
}

// A token that was to expire in two days expires early when the clock jumps ahead, and is valid
// again once the clock is right: it is removed only when its source gets another token.
func TestTokenExpiryWhenTheClockJumps(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		addSource(t, db.Store, "one")
		if _, err := db.Store.RotateToken(t.Context(), "one", 48*time.Hour, now); err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			at   time.Time
			want int
		}{{now, 2}, {now.AddDate(1, 0, 0), 1}, {now.AddDate(-1, 0, 0), 2}, {now.Add(time.Hour), 2}} {
			valid := 0
			for _, token := range sourceNamed(t, db.Store, "one").Tokens {
				if token.Valid(test.at) {
					valid++
				}
			}
			if valid != test.want {
				t.Errorf("at %s: got %d valid tokens, want %d", test.at, valid, test.want)
			}
		}
	})
}
