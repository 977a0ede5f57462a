package relay_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/lib/pq" // the driver "postgres"
	_ "modernc.org/sqlite"

	"ackbox/ledger"
	"ackbox/relay"
	"ackbox/store"
	"ackbox/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

var now = time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC)

// receiver is a destination that answers as its verdict function says, and remembers what it got.
type receiver struct {
	mu      sync.Mutex
	verdict func(e relay.Event) relay.Verdict // nil is a success
	got     []int64                           // ids of successes
	tried   map[int64]int
}

func (r *receiver) Send(ctx context.Context, events []relay.Event) []relay.Verdict {
	r.mu.Lock()
	defer r.mu.Unlock()
	verdicts := make([]relay.Verdict, len(events))
	for i, e := range events {
		if r.tried == nil {
			r.tried = map[int64]int{}
		}
		r.tried[e.Notification.ID]++
		verdicts[i] = relay.Verdict{Outcome: relay.Success}
		switch {
		case ctx.Err() != nil:
			verdicts[i] = relay.Verdict{Outcome: relay.Unavailable, Error: "interrupted"}
		case r.verdict != nil:
			verdicts[i] = r.verdict(e)
		}
		if verdicts[i].Outcome == relay.Success {
			r.got = append(r.got, e.Notification.ID)
		}
	}
	return verdicts
}

func (r *receiver) Close() error { return nil }

func (r *receiver) answer(verdict func(e relay.Event) relay.Verdict) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.verdict = verdict
}

func (r *receiver) received() []int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func everything(*store.Notification) (bool, error) { return true, nil }

// options are those of the product, but quicker.
func options() relay.Options {
	o := relay.Defaults()
	o.Poll, o.Renew, o.Batch = 10*time.Millisecond, 50*time.Millisecond, 10
	o.Down = relay.Backoff{First: 2 * time.Millisecond, Most: 20 * time.Millisecond}
	o.Message = relay.Backoff{First: 10 * time.Millisecond, Most: 40 * time.Millisecond}
	return o
}

// rig is a database with a source and a destination.
type rig struct {
	t      *testing.T
	db     *storetest.Database
	source store.Source
	saved  int
	*receiver
}

func newRig(t *testing.T, db *storetest.Database) *rig {
	t.Helper()
	source, _, err := db.Store.AddSource(t.Context(), "crm", nil, now)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Store.AddDestination(t.Context(), store.Destination{
		Name: "erp", Kind: "test", GiveUp: time.Hour,
	}, now)
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t: t, db: db, source: source, receiver: &receiver{}}
}

// save saves notifications of records of their own.
func (r *rig) save(n int) {
	r.t.Helper()
	batch := &ledger.Batch{OrganizationID: "00Dxx0000001gPLEAY"}
	for range n {
		r.saved++
		id, object := fmt.Sprintf("00Qxx%010d", r.saved), "Lead"
		fields := fmt.Sprintf(`{"Id":"%s","N":%d}`, id, r.saved)
		batch.Entries = append(batch.Entries, ledger.Entry{
			ID: fmt.Sprintf("04l%06d", r.saved), ObjectType: &object, RecordID: &id, Fields: []byte(fields),
			Digest: ledger.DigestOf([]byte(fields)),
		})
	}
	in := store.Inbound{SourceID: r.source.ID, Batch: batch, ReceivedAt: now}
	if _, err := r.db.Store.Save(r.t.Context(), in); err != nil {
		r.t.Fatal(err)
	}
}

// run delivers in the background until stop is called.
func (r *rig) run(db *store.Store, o relay.Options, filter relay.Filter) (stop func()) {
	r.t.Helper()
	if filter == nil {
		filter = everything
	}
	open := func(store.Destination) (relay.Sender, relay.Filter, error) { return r.receiver, filter, nil }
	logger := slog.New(slog.NewTextHandler(r.t.Output(), nil))
	process := relay.New(db, db.NotificationLog(), logger, open, o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- process.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
	})
	r.t.Cleanup(stop)
	return stop
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(20 * time.Second); !holds(); <-ticker.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}

// ids returns the ids from one to another.
func ids(from, to int64) (all []int64) {
	for id := from; id <= to; id++ {
		all = append(all, id)
	}
	return all
}

// awaitReceived waits until the destination has got exactly these, in any order.
func (r *rig) awaitReceived(want []int64) {
	r.t.Helper()
	slices.Sort(want)
	var got []int64
	defer func() {
		if r.t.Failed() {
			r.t.Logf("got %d, of which the first are %v; want %v", len(got), got[:min(len(got), 50)], want)
		}
	}()
	until(r.t, "all is delivered", func() bool {
		got = r.received()
		slices.Sort(got)
		return slices.Equal(got, want)
	})
}

func (r *rig) destination() store.Destination {
	r.t.Helper()
	d, err := r.db.Store.Destination(r.t.Context(), "erp")
	if err != nil {
		r.t.Fatal(err)
	}
	return d
}

func (r *rig) deliveries() []store.Delivery {
	r.t.Helper()
	all, err := r.db.Store.Deliveries(r.t.Context(), store.DeliveryFilter{Destination: r.destination().ID, Limit: 1000})
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

// raw opens the database without the store.
func (r *rig) raw() *sql.DB {
	r.t.Helper()
	driver, source := storetest.Postgres, r.db.URL
	if path, ok := strings.CutPrefix(r.db.URL, "sqlite:"); ok {
		driver, source = storetest.SQLite, path+"?_pragma=busy_timeout(5000)"
	}
	conn, err := sql.Open(driver, source)
	if err != nil {
		r.t.Fatal(err)
	}
	return conn
}

func (r *rig) exec(statement string) {
	r.t.Helper()
	conn := r.raw()
	defer conn.Close()
	if _, err := conn.Exec(statement); err != nil {
		r.t.Fatal(err)
	}
}

func TestWhatIsStoredIsDeliveredOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		r := newRig(t, db)
		r.save(25)
		wanted := func(n *store.Notification) (bool, error) { return n.ID%5 != 0, nil }
		stop := r.run(db.Store, options(), wanted)
		want := slices.DeleteFunc(ids(1, 25), func(id int64) bool { return id%5 == 0 })
		r.awaitReceived(want)
		until(t, "all is settled", func() bool { return r.destination().Progress.Cursor == 25 })
		p := r.destination().Progress
		if p.Delivered != 20 || p.Filtered != 5 || p.Failed != 0 || p.LastSuccessAt == nil {
			t.Errorf("got %+v", p)
		}
		stop()
		r.save(5)
		r.run(db.Store, options(), nil)
		r.awaitReceived(append(want, ids(26, 30)...))
		if got := r.deliveries(); len(got) != 0 {
			t.Errorf("got %+v, want no exceptions", got)
		}
	})
}

func TestACommitWakesTheRelay(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		r, o := newRig(t, db), options()
		o.Poll = time.Hour
		r.run(db.Store, o, nil)
		until(t, "the destination has an owner", r.isOwned)
		for n := range int64(5) {
			r.save(1)
			r.awaitReceived(ids(1, n+1))
		}
	})
}

func TestADestinationThatIsDownLosesNothingAndMakesNoRows(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		r := newRig(t, db)
		r.answer(func(relay.Event) relay.Verdict {
			return relay.Verdict{Outcome: relay.Unavailable, Status: 503, Error: "answered 503"}
		})
		r.save(50)
		r.run(db.Store, options(), nil)
		until(t, "it was tried some times", func() bool { return r.destination().Progress.Failures >= 6 })
		if p := r.destination().Progress; p.Cursor != 0 || p.LastError != "answered 503" || p.RetryAt == nil {
			t.Errorf("got %+v, want no progress", p)
		}
		if got := r.deliveries(); len(got) != 0 {
			t.Errorf("got %+v, want no exceptions", got)
		}
		r.answer(nil)
		r.awaitReceived(ids(1, 50))
		until(t, "it is up again", func() bool {
			p := r.destination().Progress
			return p.Failures == 0 && p.RetryAt == nil && p.Cursor == 50
		})
	})
}

// One payload that the destination always answers with an error of its own stops nobody.
func TestAnEventThatBreaksTheDestinationIsPassed(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		r := newRig(t, db)
		r.answer(func(e relay.Event) relay.Verdict {
			if e.Notification.ID == 1 {
				return relay.Verdict{Outcome: relay.Unavailable, Status: 500, Error: "answered 500"}
			}
			if len(r.got) == 0 && r.tried[1] < 4 {
				return relay.Verdict{Outcome: relay.Unavailable, Status: 500, Error: "answered 500"}
			}
			return relay.Verdict{Outcome: relay.Success}
		})
		r.save(30)
		r.run(db.Store, options(), nil)
		r.awaitReceived(ids(2, 30))
		until(t, "the first is an exception", func() bool {
			all := r.deliveries()
			return len(all) == 1 && all[0].NotificationID == 1 && all[0].State == store.Retry
		})
		until(t, "it was tried again", func() bool { return r.deliveries()[0].Attempts >= 3 })
		r.save(5)
		r.awaitReceived(ids(2, 35))
		if p := r.destination().Progress; p.Failures > 0 {
			t.Errorf("got %+v, want a destination that is up", p)
		}
		r.answer(nil)
		r.awaitReceived(ids(1, 35))
		until(t, "the exception is settled", func() bool { return r.deliveries()[0].State == store.Delivered })
	})
}

func TestWhatADestinationRejectsIsTriedAgainAndGivenUp(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		r := newRig(t, db)
		r.answer(func(e relay.Event) relay.Verdict {
			switch id := e.Notification.ID; {
			case id == 2, id == 3 && e.Attempt < 3:
				return relay.Verdict{Outcome: relay.Rejected, Status: 422, Error: "answered 422"}
			case id == 4:
				return relay.Verdict{Outcome: relay.Impossible, Error: "too large"}
			}
			return relay.Verdict{Outcome: relay.Success}
		})
		r.save(12)
		r.run(db.Store, options(), nil)
		r.awaitReceived(slices.DeleteFunc(ids(1, 12), func(id int64) bool { return id == 2 || id == 4 }))
		byID := func() map[int64]store.Delivery {
			all := map[int64]store.Delivery{}
			for _, d := range r.deliveries() {
				all[d.NotificationID] = d
			}
			return all
		}
		until(t, "the third is settled", func() bool { return byID()[3].State == store.Delivered })
		if got := byID(); got[3].Attempts != 3 || got[4].State != store.Dead || got[4].Attempts != 1 ||
			got[4].LastError != "too large" || len(got) != 3 {
			t.Errorf("got %+v", got)
		}
		r.exec(`update destinations set give_up_seconds = 0, generation = generation + 1`)
		until(t, "the second is given up", func() bool { return byID()[2].State == store.Dead })
		if got := byID()[2]; got.LastStatus != 422 || got.LastError != "answered 422" || got.NextAttemptAt != nil ||
			got.SettledAt == nil || got.Attempts < 2 {
			t.Errorf("got %+v", got)
		}
	})
}

func TestAPausedDestinationGetsNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		r := newRig(t, db)
		r.run(db.Store, options(), nil)
		r.save(1)
		r.awaitReceived(ids(1, 1))
		set := func(state store.DestinationState) {
			t.Helper()
			if err := db.Store.SetDestinationState(t.Context(), "erp", state, "holidays"); err != nil {
				t.Fatal(err)
			}
		}
		set(store.Paused)
		until(t, "nobody owns it", func() bool {
			_, ok, err := db.Store.TakeLease(t.Context(), r.destination().ID)
			return err == nil && !ok && !r.isOwned()
		})
		r.save(5)
		set(store.Active)
		r.awaitReceived(ids(1, 6))
	})
}

// isOwned reports whether a process has the lease of the destination.
func (r *rig) isOwned() bool {
	r.t.Helper()
	conn := r.raw()
	defer conn.Close()
	var owner string
	if err := conn.QueryRow(`select lease_owner from destination_state`).Scan(&owner); err != nil {
		r.t.Fatal(err)
	}
	return owner != ""
}

func TestADestinationThatIsGoneIsDisabled(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		r := newRig(t, db)
		r.answer(func(relay.Event) relay.Verdict {
			return relay.Verdict{Outcome: relay.Gone, Status: 410, Error: "answered 410"}
		})
		r.save(3)
		r.run(db.Store, options(), nil)
		until(t, "it is disabled", func() bool { return r.destination().State == store.Disabled })
		if got := r.destination().Reason; got == "" {
			t.Error("got no reason")
		}
	})
}

// The owner of a destination ends without a word; another process takes over.
func TestAnotherProcessTakesOver(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		r := newRig(t, db)
		lease, ok, err := storetest.Open(t, db.URL).Store.TakeLease(t.Context(), r.destination().ID)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		r.run(db.Store, options(), nil)
		r.save(5)
		if got := r.received(); len(got) > 0 {
			t.Errorf("got %v, though another owns the destination", got)
		}
		r.exec(`update destination_state set lease_until = '2020-01-02T03:04:05.000000Z'`)
		r.awaitReceived(ids(1, 5))
		if err := db.Store.Settle(t.Context(), lease, store.Settlement{Cursor: 1}); err == nil {
			t.Error("the earlier owner may still settle")
		}
	})
}

// Two processes share the destinations: what is delivered is delivered once.
func TestTwoProcessesDeliverOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		r := newRig(t, db)
		first := r.run(db.Store, options(), nil)
		r.run(storetest.Open(t, db.URL).Store, options(), nil)
		for range 10 {
			r.save(20)
		}
		first()
		r.save(20)
		r.awaitReceived(ids(1, 220))
	})
}

// The lease is renewed while the destination takes its time, so that nobody else takes over.
func TestASlowDestinationDoesNotCostTheLease(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		r := newRig(t, db)
		release := make(chan struct{})
		r.answer(func(relay.Event) relay.Verdict {
			<-release
			return relay.Verdict{Outcome: relay.Success}
		})
		r.save(1)
		r.run(db.Store, options(), nil)
		leaseUntil := func() (until string) {
			conn := r.raw()
			defer conn.Close()
			row := conn.QueryRow(`select coalesce(cast(lease_until as text), '') from destination_state`)
			if err := row.Scan(&until); err != nil {
				t.Fatal(err)
			}
			return until
		}
		until(t, "somebody owns it", r.isOwned)
		for range 3 {
			before := leaseUntil()
			until(t, "the lease is renewed", func() bool { return leaseUntil() > before })
		}
		other := storetest.Open(t, db.URL).Store
		if _, ok, err := other.TakeLease(t.Context(), r.destination().ID); ok || err != nil {
			t.Errorf("got %t, %v: another process took over", ok, err)
		}
		close(release)
		r.awaitReceived([]int64{1})
		until(t, "it is settled", func() bool { return r.destination().Progress.Cursor == 1 })
	})
}

// A destination that hangs keeps no other one from its events.
func TestADestinationThatHangsStopsNoOther(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		r := newRig(t, db)
		if _, err := db.Store.AddDestination(t.Context(), store.Destination{
			Name: "hangs", Kind: "hangs", GiveUp: time.Hour,
		}, now); err != nil {
			t.Fatal(err)
		}
		release := make(chan struct{})
		hanging := &receiver{verdict: func(relay.Event) relay.Verdict {
			<-release
			return relay.Verdict{Outcome: relay.Success}
		}}
		open := func(d store.Destination) (relay.Sender, relay.Filter, error) {
			if d.Kind == "hangs" {
				return hanging, everything, nil
			}
			return r.receiver, everything, nil
		}
		logger := slog.New(slog.NewTextHandler(t.Output(), nil))
		process := relay.New(db.Store, db.Store.NotificationLog(), logger, open, options())
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- process.Run(ctx) }()
		for n := range int64(20) {
			r.save(10)
			r.awaitReceived(ids(1, 10*(n+1)))
		}
		close(release)
		until(t, "the other gets them, too", func() bool { return len(hanging.received()) == 200 })
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
