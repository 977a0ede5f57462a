package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbox/store"
	"ackbox/store/storetest"
)

// The clock of the machine jumps a year ahead and two back: what is stored is known by its identity and ordered by id,
// so nothing is stored twice, or lost, or shuffled.
func TestAClockThatJumps(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		ahead, back := now.AddDate(1, 0, 0), now.AddDate(-1, 0, 0)
		for i, at := range []time.Time{now, ahead, back} {
			saved := save(t, db.Store, source, message(notification("same", "0"), notification("revised", fmt.Sprint(i)),
				notification(fmt.Sprintf("new %d", i), "0")), at)
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

// A notification that was received while the clock was behind is old for Prune, and one from when it was ahead is not:
// what has a newer revision or comes from the future stays.
func TestPruneAfterAClockThatJumped(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		ahead, behind := now.AddDate(1, 0, 0), now.AddDate(-1, 0, 0)
		save(t, db.Store, source, message(notification("ahead", "0"), notification("both", "0")), ahead)
		save(t, db.Store, source, message(notification("behind", "0"), notification("both", "1")), behind)
		pruned, err := db.Store.Prune(t.Context(), now, store.MinRetention)
		if err != nil || pruned != 1 {
			t.Errorf("got %d, %v, want 1", pruned, err)
		}
		if left := export(t, db.Store, store.NotificationFilter{}); len(left) != 3 {
			t.Errorf("got %d left, want 3", len(left))
		}
	})
}

// A token that was to end in two days ends early when the clock jumps ahead, and is valid again when the clock is put
// right: it is not removed before its source gets another token.
func TestATokenWhoseClockJumps(t *testing.T) {
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
