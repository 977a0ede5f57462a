package store_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
	"golang.org/x/sync/errgroup"

	"ackbox/ledger"
	"ackbox/store"
	"ackbox/store/storetest"
)

// hold keeps a database from committing notifications until it is let go.
func hold(t *testing.T, db *storetest.Database) (release func()) {
	t.Helper()
	tx, err := openRaw(t, db).Begin() // on SQLite this is a lock by itself
	if err != nil {
		t.Fatal(err)
	}
	if db.Store.Driver() == storetest.Postgres {
		if _, err := tx.Exec(`lock table notifications in exclusive mode`); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		t.Helper()
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	}
}

// result is what a Save gave.
type result struct {
	saved store.Saved
	err   error
}

// saving starts to save a message.
func saving(ctx context.Context, db *store.Store, sourceID int64, m *ledger.Batch) <-chan result {
	return savingInbound(ctx, db, store.Inbound{SourceID: sourceID, Batch: m, ReceivedAt: now})
}

func savingInbound(ctx context.Context, db *store.Store, in store.Inbound) <-chan result {
	done := make(chan result, 1)
	go func() {
		saved, err := db.Save(ctx, in)
		done <- result{saved, err}
	}()
	return done
}

// until waits for something that comes true soon.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(20 * time.Second); !holds(); <-ticker.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}

// together saves messages in one group, in this order, on a store with one committer.
func together(t *testing.T, db *storetest.Database, inbound ...store.Inbound) (results []result) {
	t.Helper()
	release := hold(t, db)
	source := inbound[0].SourceID
	first := saving(t.Context(), db.Store, source, message(notification("first", "{}")))
	until(t, "the committer has the first", func() bool {
		messages, _ := db.Store.Pending()
		return messages == 1 && db.Store.Waiting() == 0
	})
	var saves []<-chan result
	for i, in := range inbound {
		in.ReceivedAt = now
		saves = append(saves, savingInbound(t.Context(), db.Store, in))
		until(t, "the message waits", func() bool { return db.Store.Waiting() == i+1 })
	}
	release()
	if r := <-first; r.err != nil {
		t.Error(r.err)
	}
	for _, s := range saves {
		results = append(results, <-s)
	}
	if messages, bytes := db.Store.Pending(); messages+int(bytes) != 0 {
		t.Errorf("got %d messages of %d bytes still pending", messages, bytes)
	}
	return results
}

// eachWithOneCommitter runs a test on each database.
func eachWithOneCommitter(t *testing.T, test func(t *testing.T, db *storetest.Database)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		test(t, storetest.Open(t, db.URL, store.Committers(1)))
	})
}

func TestAGroupCountsEachOfItsMessages(t *testing.T) {
	t.Parallel()
	a1, a2, a3 := notification("04lA", `{"n":1}`), notification("04lA", `{"n":2}`), notification("04lA", `{"n":3}`)
	b, c := notification("04lB", `{"n":1}`), notification("04lC", `{"n":1}`)
	eachWithOneCommitter(t, func(t *testing.T, db *storetest.Database) {
		source, other := addSource(t, db.Store, "one"), addSource(t, db.Store, "other")
		save(t, db.Store, source, message(c), now)
		steps := []struct {
			source  store.Source
			message *ledger.Batch
			want    store.Saved
		}{
			{source, message(b, a2), store.Saved{Stored: 2}},
			{source, message(a2, b), store.Saved{Duplicates: 2}},
			{other, message(a2), store.Saved{Stored: 1}},
			{source, message(a1, a2, c), store.Saved{Revisions: 1, Duplicates: 2}},
			{source, message(), store.Saved{}},
			{source, message(a3, a3, a1), store.Saved{Revisions: 1, Duplicates: 2}},
			{source, message(notification("04lC", `{"n":2}`)), store.Saved{Revisions: 1}},
		}
		var inbound []store.Inbound
		for _, step := range steps {
			inbound = append(inbound, store.Inbound{SourceID: step.source.ID, Batch: step.message})
		}
		for i, r := range together(t, db, inbound...) {
			if r.err != nil || r.saved != steps[i].want {
				t.Errorf("message %d: got %+v, %v, want %+v", i, r.saved, r.err, steps[i].want)
			}
		}
		var order []string
		for _, n := range export(t, db.Store, store.NotificationFilter{Source: "one"}) {
			if n.NotificationID == "04lA" {
				order = append(order, fmt.Sprint(n.Revision, string(n.Fields)))
			}
		}
		if diff := cmp.Diff([]string{`1{"n":2}`, `2{"n":1}`, `3{"n":3}`}, order); diff != "" {
			t.Errorf("revisions, in order of arrival (-want +got):\n%s", diff)
		}
	})
}

func TestOnlyTheBadMessagesOfAGroupAreRefused(t *testing.T) {
	t.Parallel()
	const size = 21
	bad := map[int]bool{3: true, 4: true, 20: true}
	eachWithOneCommitter(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		var inbound []store.Inbound
		for i := range size {
			in := store.Inbound{SourceID: source.ID, Batch: benchmarkMessage(3*i, 3)}
			switch {
			case bad[i] && db.Store.Driver() == storetest.Postgres:
				in.Batch.Entries[1].Fields = json.RawMessage(`{"Id":`)
			case bad[i]:
				in.SourceID = 99
			}
			inbound = append(inbound, in)
		}
		for i, r := range together(t, db, inbound...) {
			switch {
			case !bad[i] && (r.err != nil || r.saved.Stored != 3):
				t.Errorf("message %d: got %+v, %v, want it stored", i, r.saved, r.err)
			case bad[i] && (r.err == nil || errors.Is(r.err, store.ErrUnavailable)):
				t.Errorf("message %d: got %v, want an error of its own", i, r.err)
			}
		}
		want := 3*(size-len(bad)) + 1
		if got := len(export(t, db.Store, store.NotificationFilter{})); got != want {
			t.Errorf("got %d notifications, want %d", got, want)
		}
	})
}

// A transaction that inserts in another order than a second one, which holds what it wants and wants what it holds, is
// why the rows of a group are sorted.
func TestUnsortedInsertsDeadlock(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.Postgres)
	source := addSource(t, db.Store, "one")
	raw := openRaw(t, db)
	var begun [2]*sql.Tx
	for i, id := range []string{"a", "b"} {
		tx, err := raw.Begin()
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		if err := insertEach(tx, source.ID, message(notification(id, "{}"))); err != nil {
			t.Fatal(err)
		}
		begun[i] = tx
	}
	var group errgroup.Group
	group.Go(func() error { return insertEach(begun[0], source.ID, message(notification("b", "{}"))) })
	group.Go(func() error { return insertEach(begun[1], source.ID, message(notification("a", "{}"))) })
	err := group.Wait()
	if e, ok := errors.AsType[*pq.Error](err); !ok || e.Code != pqerror.TRDeadlockDetected {
		t.Errorf("got %v, want a deadlock", err)
	}
}

// Redeliveries hold the same notifications in another order: here to two processes at once, each with two committers.
func TestSortedInsertsDoNotDeadlock(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		saveOverlapping(t, source, db.URL)
		if db.Store.Driver() == storetest.SQLite {
			return
		}
		var deadlocks int // what a connection has met counts at its end, at the latest
		err := openRaw(t, db).QueryRow(`
			select deadlocks from pg_stat_database where datname = current_database()`).Scan(&deadlocks)
		if err != nil || deadlocks != 0 {
			t.Errorf("got %d deadlocks, %v", deadlocks, err)
		}
	})
}

// saveOverlapping saves each of the same notifications several times, in other orders and other batches, through two
// stores at once, and checks that each is stored once.
func saveOverlapping(t *testing.T, source store.Source, urls ...string) {
	t.Helper()
	const savers, rounds, size = 8, 6, 97
	var stores []*store.Store
	for i := range 2 {
		s, err := store.Open(urls[i%len(urls)])
		if err != nil {
			t.Fatal(err)
		}
		stores = append(stores, s)
	}
	counts := make([]store.Saved, savers)
	group, ctx := errgroup.WithContext(t.Context())
	for i := range savers {
		group.Go(func() error {
			for round := range rounds {
				in := store.Inbound{SourceID: source.ID, Batch: shuffled(i, round, size), ReceivedAt: now}
				saved, err := stores[i%2].Save(ctx, in)
				if err != nil {
					return err
				}
				counts[i].Stored += saved.Stored
				counts[i].Duplicates += saved.Duplicates
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	var total store.Saved
	for _, c := range counts {
		total.Stored, total.Duplicates = total.Stored+c.Stored, total.Duplicates+c.Duplicates
	}
	if want := (store.Saved{Stored: rounds * size, Duplicates: (savers - 1) * rounds * size}); total != want {
		t.Errorf("got %+v, want %+v", total, want)
	}
	requireDistinct(t, export(t, stores[0], store.NotificationFilter{}), rounds*size)
	for _, s := range stores {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// shuffled is a message of a round, the same for each saver but for the order.
func shuffled(saver, round, size int) *ledger.Batch {
	m := message()
	for i := range size {
		n := (i*(saver+1) + saver) % size // a permutation, as size is prime
		m.Entries = append(m.Entries, notification(fmt.Sprintf("04l%04d", round*size+n), "{}"))
	}
	return m
}

func TestTwoServersThroughPgBouncer(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.Postgres)
	through := storetest.PgBouncer(t, db.URL, 3)
	source := addSource(t, storetest.Open(t, through).Store, "one")
	saveOverlapping(t, source, through, through)
}
