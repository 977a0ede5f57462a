package store_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"ackbox/store"
	"ackbox/store/storetest"
)

// keep returns a Join that stores an address list of that name.
func keep(name string) store.Join {
	return func(ctx context.Context, tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, tx.Rebind(`
			insert into address_lists (origin, fetched_at, content) values (?, ?, '')`),
			name, "2026-11-22T01:02:03.000000Z")
		return err
	}
}

// requireStored fails unless these notifications and these address lists are in the database.
func requireStored(t *testing.T, db *storetest.Database, notifications, lists string) {
	t.Helper()
	got := [2]string{
		strings.Join(texts(t, openRaw(t, db), `select notification_id from notifications`), " "),
		strings.Join(texts(t, openRaw(t, db), `select origin from address_lists`), " "),
	}
	if diff := cmp.Diff([2]string{notifications, lists}, got); diff != "" {
		t.Errorf("notifications and lists (-want +got):\n%s", diff)
	}
}

func TestJoinIsStoredWithItsBatchOrNotAtAll(t *testing.T) {
	t.Parallel()
	failed := errors.New("the lease is lost")
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		for _, step := range []struct {
			name string
			in   store.Inbound
			want error
		}{
			{"one entry", store.Inbound{Batch: batchOf(entry("04l1", "{}")), Join: keep("a")}, nil},
			{"no entry", store.Inbound{Batch: batchOf(), Join: keep("b")}, nil},
			{"nothing new", store.Inbound{Batch: batchOf(entry("04l1", "{}")), Join: keep("c")}, nil},
			{"a join that fails", store.Inbound{
				Batch: batchOf(entry("04l2", "{}"), entry("04l3", "{}")),
				Join: func(ctx context.Context, tx *sqlx.Tx) error {
					return errors.Join(keep("d")(ctx, tx), failed)
				},
			}, failed},
		} {
			step.in.SourceID, step.in.ReceivedAt = source.ID, now
			if _, err := db.Store.Save(t.Context(), step.in); !errors.Is(err, step.want) {
				t.Errorf("%s: got %v, want %v", step.name, err, step.want)
			}
		}
		requireStored(t, db, "04l1", "a b c")
	})
}

func TestFailingJoinAffectsNoOtherBatch(t *testing.T) {
	t.Parallel()
	failed := errors.New("the lease is lost")
	eachWithOneCommitter(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		var calls atomic.Int32
		in := func(id string, join store.Join) store.Inbound {
			batch := batchOf(entry(id, "{}"))
			return store.Inbound{SourceID: source.ID, Batch: batch, ReceivedAt: now, Join: join}
		}
		results := saveGroup(t, db,
			in("04l1", nil), in("04l2", nil),
			in("04l3", func(context.Context, *sqlx.Tx) error {
				calls.Add(1)
				return failed
			}),
			in("04l4", keep("a")), in("04l5", nil))
		for i, r := range results {
			if isThird := i == 2; isThird != errors.Is(r.err, failed) {
				t.Errorf("the batch %d: got %v", i+1, r.err)
			}
		}
		if n := calls.Load(); n != 1 {
			t.Errorf("the join that fails was called %d times, want once", n)
		}
		requireStored(t, db, "04l1 04l2 04l4 04l5 first", "a")
	})
}

func TestJoinIsCalledAgainAfterADeadlock(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		calls := 0
		_, err := db.Store.Save(t.Context(), store.Inbound{
			SourceID: source.ID, Batch: batchOf(entry("04l1", "{}")), ReceivedAt: now,
			Join: func(ctx context.Context, tx *sqlx.Tx) error {
				if calls++; calls < 3 {
					return errors.Join(keep("a")(ctx, tx), &pq.Error{Code: pqerror.TRDeadlockDetected})
				}
				return keep("a")(ctx, tx)
			},
		})
		if err != nil || calls != 3 {
			t.Errorf("got %v after %d calls, want none after 3", err, calls)
		}
		requireStored(t, db, "04l1", "a")
	})
}

func TestAfterCommitWakesForWhatIsNew(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		var wakes, others atomic.Int32
		db.Store.AfterCommit(func() { wakes.Add(1) })
		db.Store.AfterCommit(func() { others.Add(1) })
		want := int32(0)
		for _, step := range []struct {
			fields string
			isNew  bool
		}{{`{"n":1}`, true}, {`{"n":1}`, false}, {`{"n":2}`, true}} {
			save(t, db.Store, source, batchOf(entry("04l1", step.fields)), now)
			if step.isNew {
				want++
			}
			until(t, "the registered functions were called", func() bool {
				return wakes.Load() >= want && others.Load() >= want
			})
		}
		_, err := db.Store.Save(t.Context(), store.Inbound{
			SourceID: source.ID, Batch: batchOf(entry("04l2", "{}")), ReceivedAt: now,
			Join: func(context.Context, *sqlx.Tx) error { return errors.New("no") },
		})
		if err == nil || wakes.Load() != want || others.Load() != want {
			t.Errorf("got %v, %d and %d calls, want an error and %d", err, wakes.Load(), others.Load(), want)
		}
	})
}
