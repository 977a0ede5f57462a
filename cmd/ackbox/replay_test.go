package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"ackbox/ledger"
	"ackbox/relay"
	"ackbox/store"
	"ackbox/store/storetest"
)

// refusing is a destination that refuses everything for good until it is told otherwise.
type refusing struct {
	mu       sync.Mutex
	accepts  bool
	accepted int
}

func (r *refusing) Send(_ context.Context, events []relay.Event) []relay.Verdict {
	r.mu.Lock()
	defer r.mu.Unlock()
	verdicts := make([]relay.Verdict, len(events))
	for i := range verdicts {
		verdicts[i] = relay.Verdict{Outcome: relay.Impossible, Error: "too large"}
		if r.accepts {
			verdicts[i] = relay.Verdict{Outcome: relay.Success}
			r.accepted++
		}
	}
	return verdicts
}

func (r *refusing) Close() error { return nil }

func (r *refusing) accept() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.accepts = true
}

// startRelay delivers to a destination named erp until the test ends.
func startRelay(t *testing.T, db *storetest.Database, to relay.Sender) {
	t.Helper()
	_, err := db.Store.AddDestination(t.Context(), store.Destination{
		Name: "erp", Kind: "test", GiveUp: time.Hour, Filter: store.DestinationFilter{Objects: []string{"Lead"}},
	}, t0)
	if err != nil {
		t.Fatal(err)
	}
	open := func(d store.Destination) (relay.Sender, relay.Filter, error) {
		filter, err := relay.CompileFilter(d.Filter)
		return to, filter, err
	}
	o := relay.Defaults()
	o.Poll = 20 * time.Millisecond
	process := relay.New(db.Store, db.Store.NotificationLog(), slog.New(slog.DiscardHandler), open, o)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- process.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// saveLeads saves leads, and as many contacts.
func saveLeads(t *testing.T, db *store.Store, n int) {
	t.Helper()
	source, _, err := db.AddSource(t.Context(), "crm", nil, t0)
	if err != nil {
		t.Fatal(err)
	}
	batch := &ledger.Batch{OrganizationID: "00Dxx0000001gPLEAY"}
	for i := range 2 * n {
		object := []string{"Lead", "Contact"}[i%2]
		id := string(rune('a'+i%26)) + strings.Repeat("x", i/26)
		batch.Entries = append(batch.Entries, ledger.Entry{
			ID: id, ObjectType: &object, Fields: json.RawMessage(`{}`), Digest: ledger.DigestOf([]byte(id)),
		})
	}
	if _, err := db.Save(t.Context(), store.Inbound{SourceID: source.ID, Batch: batch, ReceivedAt: t0}); err != nil {
		t.Fatal(err)
	}
}

func TestWhatWasGivenUpIsReplayed(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		to := &refusing{}
		startRelay(t, db, to)
		saveLeads(t, db.Store, 20)
		count := func(state store.DeliveryState) int64 {
			d, err := db.Store.Destination(t.Context(), "erp")
			if err != nil {
				t.Fatal(err)
			}
			n, err := db.Store.CountDeliveries(t.Context(), d.ID, state)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		soon(t, "all are dead", func() bool { return count(store.Dead) == 20 })
		run := func(want string, args ...string) {
			t.Helper()
			got := on(t, db.URL, append([]string{"replay", "--destination", "erp"}, args...)...)
			if got.code != exitDone || !strings.Contains(got.out, want) {
				t.Errorf("%v: got %+v, want %s", args, got, want)
			}
		}
		run("20 notifications would be tried again at erp", "--dead", "--dry-run")
		run(`{"total":20}`, "--dead", "--dry-run", "--json")
		to.accept()
		run("20 notifications are due again", "--dead", "--yes")
		soon(t, "all are delivered", func() bool { return count(store.Delivered) == 20 })
		run("20 notifications would be sent to erp", "--dry-run", "--since", "2026-01-01")
		if got := on(t, db.URL, "deliveries", "--notification", "2"); got.code != exitDone ||
			!strings.Contains(got.out, "erp ") || !strings.Contains(got.out, " delivered ") &&
			!strings.Contains(got.out, " filtered ") {
			t.Errorf("got %+v", got)
		}
		if got := on(t, db.URL, "deliveries", "--notification", "999"); got.code != exitFailed {
			t.Errorf("got %+v", got)
		}
		run("0 notifications would be sent to erp", "--dry-run", "--object", "Contact")
		run("replay 1 done: 20 of 20 sent", "--yes", "--object", "lead")
		run(`{"id":1,"state":"done","selection":{"object":"lead"},"total":20,"delivered":20`, "--list", "--json")
		if to.accepted != 40 {
			t.Errorf("got %d, want 40", to.accepted)
		}
	})
}

// Ctrl-C ends a replay, which says how far it was.
func TestAnInterruptedReplayIsCancelled(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		to := &refusing{accepts: true}
		startRelay(t, db, to)
		saveLeads(t, db.Store, 50)
		soon(t, "all are delivered", func() bool {
			d, err := db.Store.Destination(t.Context(), "erp")
			return err == nil && d.Progress.Delivered == 50
		})
		ctx, interrupt := context.WithCancelCause(t.Context())
		var out, errs lockedBuffer
		code := make(chan int, 1)
		go func() {
			code <- run(ctx, []string{
				"replay", "--destination", "erp", "--yes", "--rate", "10", "--database-url", db.URL,
			}, terminal{&out, &errs})
		}()
		soon(t, "some are sent", func() bool {
			r, err := db.Store.Replay(t.Context(), 1)
			return err == nil && r.Delivered > 2
		})
		interrupt(interruption{os.Interrupt})
		if got := <-code; got != exitInterrupted {
			t.Errorf("got %d: %s", got, errs.String())
		}
		out.await(t, `replay 1 cancelled: (\d+) of 50 sent`)
		d, err := db.Store.Destination(t.Context(), "erp")
		if err != nil || d.State != store.Active {
			t.Errorf("got %+v, %v", d, err)
		}
	})
}

func TestReplayUsage(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.SQLite)
	startRelay(t, db, &refusing{})
	for _, args := range [][]string{
		{"--destination", "erp", "--dead", "--object", "Lead"}, {"--destination", "erp", "--dead", "--rate", "5"},
		{"--destination", "erp", "--query", "a:"}, {"--destination", "erp", "--list", "--since", "1h"}, {},
	} {
		if got := on(t, db.URL, append([]string{"replay"}, args...)...); got.code != exitUsage {
			t.Errorf("%v: got %+v", args, got)
		}
	}
	got := on(t, db.URL, "replay", "--destination", "other")
	if got.code != exitFailed || !strings.Contains(got.err, "other") {
		t.Errorf("got %+v", got)
	}
}
