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

// hold keeps a database from committing notifications until release is called.
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

// result is what a Save returned.
type result struct {
	saved store.Saved
	err   error
}

// saving starts to save a batch.
func saving(
	ctx context.Context, db *store.Store, sourceID int64, batch *ledger.Batch,
) <-chan result {
	return savingInbound(ctx, db, store.Inbound{SourceID: sourceID, Batch: batch, ReceivedAt: now})
}

func savingInbound(ctx context.Context, db *store.Store, in store.Inbound) <-chan result {
	done := make(chan result, 1)
	go func() {
		saved, err := db.Save(ctx, in)
		done <- result{saved, err}
	}()
	return done
}

// until waits for a condition that is expected to hold soon.
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

// saveGroup saves batches in one group, in this order, on a store with one committer.
func saveGroup(t *testing.T, db *storetest.Database, inbound ...store.Inbound) (results []result) {
	t.Helper()
	first, results := saveGroupAfter(t, db, inbound...)
	if first.err != nil {
		t.Error(first.err)
	}
	return results
}

// saveGroupAfter does so after a first batch, whose result it returns, too.
func saveGroupAfter(
	t *testing.T, db *storetest.Database, inbound ...store.Inbound,
) (before result, results []result) {
	t.Helper()
	release := hold(t, db)
	source := inbound[0].SourceID
	first := saving(t.Context(), db.Store, source, batchOf(entry("first", "{}")))
	until(t, "a committer has taken the first", func() bool {
		batches, _ := db.Store.Pending()
		return batches == 1 && db.Store.Waiting() == 0
	})
	var saves []<-chan result
	for i, in := range inbound {
		in.ReceivedAt = now
		saves = append(saves, savingInbound(t.Context(), db.Store, in))
		until(t, "the batch waits", func() bool { return db.Store.Waiting() == i+1 })
	}
	release()
	before = <-first
	for _, s := range saves {
		results = append(results, <-s)
	}
	if batches, bytes := db.Store.Pending(); batches+int(bytes) != 0 {
		t.Errorf("got %d batches of %d bytes still pending", batches, bytes)
	}
	return before, results
}

// eachWithOneCommitter runs a test on each database, with one committer.
func eachWithOneCommitter(t *testing.T, test func(t *testing.T, db *storetest.Database)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		test(t, storetest.Open(t, db.URL, store.Committers(1)))
	})
}

func TestGroupCountsEachOfItsBatches(t *testing.T) {
	t.Parallel()
	a1, a2, a3 := entry("04lA", `{"n":1}`), entry("04lA", `{"n":2}`), entry("04lA", `{"n":3}`)
	b, c := entry("04lB", `{"n":1}`), entry("04lC", `{"n":1}`)
	eachWithOneCommitter(t, func(t *testing.T, db *storetest.Database) {
		source, other := addSource(t, db.Store, "one"), addSource(t, db.Store, "other")
		save(t, db.Store, source, batchOf(c), now)
		steps := []struct {
			source store.Source
			batch  *ledger.Batch
			want   store.Saved
		}{
			{source, batchOf(b, a2), store.Saved{Stored: 2}},
			{source, batchOf(a2, b), store.Saved{Duplicates: 2}},
			{other, batchOf(a2), store.Saved{Stored: 1}},
			{source, batchOf(a1, a2, c), store.Saved{Revisions: 1, Duplicates: 2}},
			{source, batchOf(), store.Saved{}},
			{source, batchOf(a3, a3, a1), store.Saved{Revisions: 1, Duplicates: 2}},
			{source, batchOf(entry("04lC", `{"n":2}`)), store.Saved{Revisions: 1}},
		}
		var inbound []store.Inbound
		for _, step := range steps {
			inbound = append(inbound, store.Inbound{SourceID: step.source.ID, Batch: step.batch})
		}
		for i, r := range saveGroup(t, db, inbound...) {
			if r.err != nil || r.saved != steps[i].want {
				t.Errorf("batch %d: got %+v, %v, want %+v", i, r.saved, r.err, steps[i].want)
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

func TestOnlyTheInvalidBatchesOfAGroupAreRefused(t *testing.T) {
	t.Parallel()
	const size = 21
	bad := map[int]bool{3: true, 4: true, 20: true}
	eachWithOneCommitter(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		var inbound []store.Inbound
		for i := range size {
			in := store.Inbound{SourceID: source.ID, Batch: benchmarkBatch(3*i, 3)}
			switch {
			case bad[i] && db.Store.Driver() == storetest.Postgres:
				in.Batch.Entries[1].Fields = json.RawMessage(`{"Id":`)
			case bad[i]:
				in.SourceID = 99
			}
			inbound = append(inbound, in)
		}
		for i, r := range saveGroup(t, db, inbound...) {
			switch {
			case !bad[i] && (r.err != nil || r.saved.Stored != 3):
				t.Errorf("batch %d: got %+v, %v, want it stored", i, r.saved, r.err)
			case bad[i] && (r.err == nil || errors.Is(r.err, store.ErrUnavailable)):
				t.Errorf("batch %d: got %v, want an error of its own", i, r.err)
			}
		}
		want := 3*(size-len(bad)) + 1
		if got := len(export(t, db.Store, store.NotificationFilter{})); got != want {
			t.Errorf("got %d notifications, want %d", got, want)
		}
	})
}

// The rows of a group are sorted because of this deadlock: two transactions insert in different
// orders, and each waits for what the other holds.
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
		if err := insertEach(tx, source.ID, batchOf(entry(id, "{}"))); err != nil {
			t.Fatal(err)
		}
		begun[i] = tx
	}
	var group errgroup.Group
	group.Go(func() error { return insertEach(begun[0], source.ID, batchOf(entry("b", "{}"))) })
	group.Go(func() error { return insertEach(begun[1], source.ID, batchOf(entry("a", "{}"))) })
	err := group.Wait()
	if e, ok := errors.AsType[*pq.Error](err); !ok || e.Code != pqerror.TRDeadlockDetected {
		t.Errorf("got %v, want a deadlock", err)
	}
}

// Redeliveries contain the same notifications in another order: here to two processes at once, each
// with two committers.
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

// saveOverlapping saves the same notifications several times, in other orders and other batches,
// through two stores at once, and checks that each is stored once.
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
	want := store.Saved{Stored: rounds * size, Duplicates: (savers - 1) * rounds * size}
	if total != want {
		t.Errorf("got %+v, want %+v", total, want)
	}
	requireDistinct(t, export(t, stores[0], store.NotificationFilter{}), rounds*size)
	for _, s := range stores {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// shuffled returns the batch of a round, which differs between savers only in its order.
func shuffled(saver, round, size int) *ledger.Batch {
	batch := batchOf()
	for i := range size {
		n := (i*(saver+1) + saver) % size // a permutation, as size is prime
		batch.Entries = append(batch.Entries, entry(fmt.Sprintf("04l%04d", round*size+n), "{}"))
	}
	return batch
}

func TestTwoServersThroughPgBouncer(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.Postgres)
	through := storetest.PgBouncer(t, db.URL, 3)
	source := addSource(t, storetest.Open(t, through).Store, "one")
	saveOverlapping(t, source, through, through)
}
