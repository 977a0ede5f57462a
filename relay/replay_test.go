package relay_test

import (
	"testing"
	"time"

	"ackbox/relay"
	"ackbox/store"
	"ackbox/store/storetest"
)

// beginReplay begins a replay of a selection up to what is stored now.
func (r *rig) beginReplay(s store.Selection, rate int) store.Replay {
	r.t.Helper()
	replay := store.Replay{Selection: s, To: int64(r.saved), Rate: rate, By: "test", CreatedAt: time.Now()}
	counted, err := relay.CountReplay(r.t.Context(), r.db.Store, r.destination(),
		everything, replay)
	if err != nil {
		r.t.Fatal(err)
	}
	replay.Total = counted
	added, err := r.db.Store.AddReplay(r.t.Context(), "erp", replay, "", time.Now())
	if err != nil {
		r.t.Fatal(err)
	}
	return added
}

func (r *rig) awaitReplay(id int64, state store.ReplayState) store.Replay {
	r.t.Helper()
	var got store.Replay
	until(r.t, "the replay is "+state.String(), func() bool {
		var err error
		if got, err = r.db.Store.Replay(r.t.Context(), id); err != nil {
			r.t.Fatal(err)
		}
		return got.State == state
	})
	return got
}

func TestAReplaySendsWhatWasCounted(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		r := newRig(t, db)
		r.save(35)
		r.run(db.Store, options(), nil)
		r.awaitReceived(ids(1, 35))
		got := r.beginReplay(store.Selection{Query: "N>=6"}, 0)
		if got.Total != 30 {
			t.Errorf("got %d counted, want 30", got.Total)
		}
		r.awaitReceived(append(ids(1, 35), ids(6, 35)...))
		done := r.awaitReplay(got.ID, store.ReplayDone)
		if done.Delivered != 30 || done.Cursor != 35 || done.Failed != 0 || done.EndedAt == nil {
			t.Errorf("got %+v", done)
		}
		if d := r.deliveries(); len(d) > 0 {
			t.Errorf("got %+v, want no exceptions", d)
		}
	})
}

// With the order latest, a replay sends the newest state of each record alone.
func TestAReplaySkipsOlderStatesAtLatest(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		r := newRig(t, db)
		r.setOrdering(store.OrderLatest)
		r.saveChanges(change{1, 10}, change{2, 10}, change{1, 20}, change{2, 20}, change{3, 0})
		r.run(db.Store, options(), nil)
		r.awaitReceived(ids(1, 5))
		until(t, "the marks are stored", func() bool { return r.destination().Progress.Cursor == 5 })
		got := r.beginReplay(store.Selection{Object: "lead"}, 0)
		if got.Total != 3 {
			t.Errorf("got %d counted, want 3", got.Total)
		}
		r.awaitReceived(append(ids(1, 5), 3, 4, 5))
		done := r.awaitReplay(got.ID, store.ReplayDone)
		if done.Delivered != 3 || done.Skipped != 2 {
			t.Errorf("got %+v", done)
		}
		if d := r.deliveries(); len(d) > 0 {
			t.Errorf("got %+v, want no rows for what was delivered before", d)
		}
	})
}

func TestACancelledReplayStopsAndSaysHowFarItWas(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		r := newRig(t, db)
		r.save(300)
		r.run(db.Store, options(), nil)
		r.awaitReceived(ids(1, 300))
		got := r.beginReplay(store.Selection{}, 50)
		until(t, "it has begun", func() bool { return len(r.received()) > 305 })
		begun := time.Now()
		if err := db.Store.CancelReplay(t.Context(), got.ID, "enough", time.Now()); err != nil {
			t.Fatal(err)
		}
		until(t, "it is not sent on", func() bool {
			p, err := db.Store.Replay(t.Context(), got.ID)
			return err == nil && int64(len(r.received())-300) == p.Delivered
		})
		if took := time.Since(begun); took > time.Second {
			t.Errorf("it took %s", took)
		}
		r.save(1)
		until(t, "what is stored goes on", func() bool { return r.destination().Progress.Cursor == 301 })
		done := r.awaitReplay(got.ID, store.ReplayCancelled)
		n := int64(len(r.received())) - 301
		if n != done.Delivered || done.Cursor == 0 || n >= 300 || done.Reason != "enough" {
			t.Errorf("got %+v and %d sent", done, n)
		}
	})
}

func TestAReplayGoesOnWhenTheDestinationIsUpAgain(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		r := newRig(t, db)
		r.save(40)
		r.run(db.Store, options(), nil)
		r.awaitReceived(ids(1, 40))
		r.answer(func(relay.Event) relay.Verdict {
			return relay.Verdict{Outcome: relay.Unavailable, Status: 503, Error: "answered 503"}
		})
		got := r.beginReplay(store.Selection{}, 0)
		until(t, "it is down", func() bool { return r.destination().Progress.Failures > 2 })
		r.answer(nil)
		r.awaitReceived(append(ids(1, 40), ids(1, 40)...))
		if done := r.awaitReplay(got.ID, store.ReplayDone); done.Delivered != 40 || done.Failed != 0 {
			t.Errorf("got %+v", done)
		}
	})
}

// What was given up is tried again, with an order by record one after the other.
func TestDeadDeliveriesAreRevived(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		r, judge := newRig(t, db), newOrderJudge()
		r.setOrdering(store.OrderRecord)
		r.answer(func(e relay.Event) relay.Verdict {
			return relay.Verdict{Outcome: relay.Impossible, Error: "too large"}
		})
		r.saveChanges(change{record: 1}, change{record: 1}, change{record: 2}, change{record: 1})
		r.run(db.Store, options(), nil)
		count := func(state store.DeliveryState) (n int) {
			for _, d := range r.deliveries() {
				if d.State == state {
					n++
				}
			}
			return n
		}
		until(t, "all are dead", func() bool { return count(store.Dead) == 4 })
		r.answer(judge.failing(r, 1_000_000))
		revived, err := db.Store.ReviveDead(t.Context(), "erp", time.Now())
		if err != nil || revived != 4 {
			t.Fatalf("got %d, %v, want 4", revived, err)
		}
		until(t, "all are delivered", func() bool { return count(store.Delivered) == 4 })
		judge.require(t)
	})
}

// An exception that is held behind one that was deleted does not wait for ever.
func TestWhatWaitsBehindADeletedExceptionIsFreed(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		r := newRig(t, db)
		r.setOrdering(store.OrderRecord)
		r.answer(func(e relay.Event) relay.Verdict {
			if e.Notification.ID == 1 {
				return relay.Verdict{Outcome: relay.Rejected, Status: 422, Error: "answered 422"}
			}
			return relay.Verdict{Outcome: relay.Success}
		})
		o := options()
		o.Message = relay.Backoff{First: time.Hour, Most: time.Hour}
		r.run(db.Store, o, nil)
		r.saveChanges(change{record: 1}, change{record: 1}, change{record: 2})
		until(t, "the second is held", func() bool {
			d := r.deliveries()
			return len(d) == 2 && d[1].State == store.Held
		})
		r.exec(`delete from deliveries where notification_id = 1`)
		r.exec(`update destinations set generation = generation + 1`)
		r.awaitReceived([]int64{2, 3})
	})
}
