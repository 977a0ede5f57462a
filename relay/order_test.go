package relay_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"ackbox/ledger"
	"ackbox/relay"
	"ackbox/store"
	"ackbox/store/storetest"
)

// change is a notification of a record, changed some seconds after now; 0 if that is not known.
type change struct {
	record  int
	changed int
}

// saveChanges saves notifications in their order.
func (r *rig) saveChanges(changes ...change) {
	r.t.Helper()
	batch := &ledger.Batch{OrganizationID: "00Dxx0000001gPLEAY"}
	for _, c := range changes {
		r.saved++
		id, object := fmt.Sprintf("00Qxx%010dAAA", c.record), "Lead"
		fields := fmt.Sprintf(`{"Id":"%s","N":%d}`, id, r.saved)
		e := ledger.Entry{
			ID: fmt.Sprintf("04l%06d", r.saved), ObjectType: &object, RecordID: &id, Fields: []byte(fields),
			Digest: ledger.DigestOf([]byte(fields)),
		}
		if c.changed != 0 {
			e.ChangedAt = now.Add(time.Duration(c.changed) * time.Second)
		}
		batch.Entries = append(batch.Entries, e)
	}
	in := store.Inbound{SourceID: r.source.ID, Batch: batch, ReceivedAt: now}
	if _, err := r.db.Store.Save(r.t.Context(), in); err != nil {
		r.t.Fatal(err)
	}
}

// setOrdering changes the ordering of the destination.
func (r *rig) setOrdering(o store.Ordering) {
	r.t.Helper()
	_, err := r.db.Store.EditDestination(r.t.Context(), "erp", func(d *store.Destination) error {
		d.Ordering = o
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// orderJudge notes what is sent before an earlier event of its record was delivered.
type orderJudge struct {
	mu        sync.Mutex
	sent      map[string][]int64 // by record, in the order of the first arrival
	delivered map[int64]bool
	problems  []string
}

func newOrderJudge() *orderJudge {
	return &orderJudge{sent: map[string][]int64{}, delivered: map[int64]bool{}}
}

// arrive is called before an event is answered.
func (j *orderJudge) arrive(e relay.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	record, id := *e.Notification.RecordID, e.Notification.ID
	for _, earlier := range j.sent[record] {
		switch {
		case earlier == id:
			return
		case earlier > id:
			j.problems = append(j.problems, fmt.Sprintf("%d came after %d", id, earlier))
		case !j.delivered[earlier]:
			j.problems = append(j.problems, fmt.Sprintf("%d came before %d was delivered", id, earlier))
		}
	}
	j.sent[record] = append(j.sent[record], id)
}

func (j *orderJudge) success(id int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.delivered[id] = true
}

func (j *orderJudge) require(t *testing.T) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.problems) > 0 {
		t.Errorf("%d out of order: %v", len(j.problems), j.problems[:min(len(j.problems), 10)])
	}
}

// failing answers one in n events twice with an error, chosen by its id.
func (j *orderJudge) failing(r *rig, n int64) func(e relay.Event) relay.Verdict {
	return func(e relay.Event) relay.Verdict {
		j.arrive(e)
		if id := e.Notification.ID; id%n == 0 && r.tried[id] <= 2 {
			return relay.Verdict{Outcome: relay.Rejected, Status: 422, Error: "answered 422"}
		}
		j.success(e.Notification.ID)
		return relay.Verdict{Outcome: relay.Success}
	}
}

// Many events of few records, of which some fail twice, through a take-over in the middle.
func TestOrderRecordIsKeptThroughFailures(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		r, judge := newRig(t, db), newOrderJudge()
		r.setOrdering(store.OrderRecord)
		r.answer(judge.failing(r, 13))
		random := rand.New(rand.NewPCG(1, 2))
		var changes []change
		for range 600 {
			changes = append(changes, change{record: random.IntN(40)})
		}
		r.saveChanges(changes[:300]...)
		stop := r.run(db.Store, options(), nil)
		until(t, "some are delivered", func() bool { return len(r.received()) > 100 })
		stop()
		r.run(storetest.Open(t, db.URL).Store, options(), nil)
		r.saveChanges(changes[300:]...)
		r.awaitReceived(ids(1, 600))
		judge.require(t)
		until(t, "all is settled", func() bool {
			return r.destination().Progress.Cursor == 600 &&
				!slices.ContainsFunc(r.deliveries(), func(d store.Delivery) bool { return d.State != store.Delivered })
		})
	})
}

// Without an order, the later event of a record passes the one that fails.
func TestOrderNoneLetsLaterEventsPass(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		r, judge := newRig(t, db), newOrderJudge()
		r.answer(judge.failing(r, 3))
		for range 20 {
			r.saveChanges(change{record: 1}, change{record: 1}, change{record: 1})
		}
		r.run(db.Store, options(), nil)
		r.awaitReceived(ids(1, 60))
		if len(judge.problems) == 0 {
			t.Error("all came in order: the judge sees nothing")
		}
	})
}

// What waits behind an event that is given up is freed, one after the other.
func TestADeadEventFreesWhatWaitsBehindIt(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		r := newRig(t, db)
		r.setOrdering(store.OrderRecord)
		r.answer(func(e relay.Event) relay.Verdict {
			if e.Notification.ID == 2 && e.Attempt == 1 {
				return relay.Verdict{Outcome: relay.Rejected, Status: 422, Error: "answered 422"}
			}
			if e.Notification.ID == 2 {
				return relay.Verdict{Outcome: relay.Impossible, Error: "too large"}
			}
			return relay.Verdict{Outcome: relay.Success}
		})
		r.saveChanges(change{record: 1}, change{record: 1}, change{record: 1}, change{record: 2}, change{record: 1})
		r.run(db.Store, options(), nil)
		r.awaitReceived([]int64{1, 3, 4, 5})
		want := map[int64]store.DeliveryState{2: store.Dead, 3: store.Delivered, 5: store.Delivered}
		until(t, "all is settled", func() bool {
			states := map[int64]store.DeliveryState{}
			for _, d := range r.deliveries() {
				states[d.NotificationID] = d.State
			}
			return maps.Equal(states, want)
		})
	})
}

// What changed earlier than what was delivered is skipped with the order latest, and marked with the
// order record.
func TestAnOlderStateIsSkippedOrMarked(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		for _, ordering := range []store.Ordering{store.OrderRecord, store.OrderLatest} {
			t.Run(ordering.String(), func(t *testing.T) {
				r := newRig(t, storetest.New(t, db.Store.Driver()))
				r.setOrdering(ordering)
				var mu sync.Mutex
				var stale []int64
				r.answer(func(e relay.Event) relay.Verdict {
					mu.Lock()
					defer mu.Unlock()
					if e.Stale {
						stale = append(stale, e.Notification.ID)
					}
					return relay.Verdict{Outcome: relay.Success}
				})
				r.run(r.db.Store, options(), nil)
				r.saveChanges(change{1, 50}, change{2, 50})
				r.awaitReceived([]int64{1, 2})
				until(t, "the marks are stored", func() bool { return r.destination().Progress.Cursor == 2 })
				r.saveChanges(change{1, 40}, change{2, 60}, change{1, 50})
				want := []int64{1, 2, 3, 4, 5}
				if ordering == store.OrderLatest {
					want = []int64{1, 2, 4, 5}
				}
				r.awaitReceived(want)
				until(t, "all is settled", func() bool { return r.destination().Progress.Cursor == 5 })
				mu.Lock()
				defer mu.Unlock()
				if ordering == store.OrderRecord && fmt.Sprint(stale) != "[3]" {
					t.Errorf("got %v stale, want the third", stale)
				}
				if d := r.deliveries(); ordering == store.OrderLatest &&
					(len(d) != 1 || d[0].NotificationID != 3 || d[0].State != store.Skipped) {
					t.Errorf("got %+v, want the third skipped", d)
				}
			})
		}
	})
}

// A batch is sent in the order in which its records changed, as far as that is known.
func TestABatchIsSortedByTheTimeOfTheChange(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		r := newRig(t, db)
		r.setOrdering(store.OrderLatest)
		r.saveChanges(change{1, 30}, change{1, 10}, change{1, 20})
		r.run(db.Store, options(), nil)
		r.awaitReceived([]int64{1, 2, 3})
		if got := fmt.Sprint(r.got); got != "[2 3 1]" {
			t.Errorf("got %s, want [2 3 1]", got)
		}
	})
}
