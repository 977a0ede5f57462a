package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jmoiron/sqlx"

	"ackbox/ledger"
	"ackbox/store"
	"ackbox/store/storetest"
)

// large returns a batch of one entry that takes about so many MiB.
func large(id string, mebibytes int) *ledger.Batch {
	return batchOf(entry(id, `"`+strings.Repeat("x", mebibytes<<20)+`"`))
}

// A group is one transaction, and nothing else is committed meanwhile.
func TestGroupsAreBoundedInBytesAndRows(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		batches []*ledger.Batch
		groups  int32
	}{
		{"small", []*ledger.Batch{benchmarkBatch(0, 9), benchmarkBatch(9, 9)}, 1},
		{"16 MiB", []*ledger.Batch{large("04l1", 6), large("04l2", 6), large("04l3", 6)}, 2},
		{"one beyond 16 MiB", []*ledger.Batch{large("04l1", 1), large("04l2", 17), large("04l3", 1)}, 3},
		{"10,000 rows", []*ledger.Batch{
			benchmarkBatch(0, 5000), benchmarkBatch(5000, 5000), benchmarkBatch(10_000, 1),
		}, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			eachWithOneCommitter(t, func(t *testing.T, db *storetest.Database) {
				source := addSource(t, db.Store, "one")
				var commits atomic.Int32
				db.Store.AfterCommit(func() { commits.Add(1) })
				var inbound []store.Inbound
				for _, batch := range test.batches {
					inbound = append(inbound, store.Inbound{SourceID: source.ID, Batch: batch})
				}
				for i, r := range saveGroup(t, db, inbound...) {
					if want := len(test.batches[i].Entries); r.err != nil || r.saved.Stored != want {
						t.Errorf("batch %d: got %+v, %v, want %d stored", i, r.saved, r.err, want)
					}
				}
				save(t, db.Store, source, batchOf(entry("last", "{}")), now)
				want := 1 + test.groups + 1 // saveGroup has a batch of its own
				until(t, "the last commit was noticed", func() bool { return commits.Load() >= want })
				if got := commits.Load(); got != want {
					t.Errorf("got %d commits, want %d", got, want)
				}
			})
		})
	}
}

// When the database fails, nobody knows whether the group is stored: no part of it is tried again,
// and each caller is told.
func TestGroupIsNotHalvedWhenTheDatabaseFails(t *testing.T) {
	t.Parallel()
	eachWithOneCommitter(t, func(t *testing.T, db *storetest.Database) {
		batches := make([]*ledger.Batch, 8)
		for i := range batches {
			batches[i] = batchOf(entry(fmt.Sprint("04l", i), "{}"))
		}
		batches[5] = large("large", 1)
		requireAllUnavailable(t, db, batches)
	})
}

// A group with a bad batch is halved, until the database fails: the other half is not tried then.
func TestHalvingEndsWhenTheDatabaseFails(t *testing.T) {
	t.Parallel()
	eachWithOneCommitter(t, func(t *testing.T, db *storetest.Database) {
		batches := make([]*ledger.Batch, 8)
		for i := range batches {
			batches[i] = batchOf(entry(fmt.Sprint("04l", i), "{}"))
		}
		batches[1] = large("large", 1)
		batches[6] = batchOf(entry("!bad", "{}")) // inserted first, as rows are sorted
		requireAllUnavailable(t, db, batches)
	})
}

// requireAllUnavailable saves batches as a group on a database without room for all of them, and
// fails unless every one is unavailable and none is stored.
func requireAllUnavailable(t *testing.T, db *storetest.Database, batches []*ledger.Batch) {
	t.Helper()
	source := addSource(t, db.Store, "one")
	fillDisk(t, db, source)
	var inbound []store.Inbound
	for _, batch := range batches {
		inbound = append(inbound, store.Inbound{SourceID: source.ID, Batch: batch})
	}
	for i, r := range saveGroup(t, db, inbound...) {
		if !errors.Is(r.err, store.ErrUnavailable) {
			t.Errorf("batch %d: got %+v, %v, want %v", i, r.saved, r.err, store.ErrUnavailable)
		}
	}
	var got []string
	for _, n := range export(t, db.Store, store.NotificationFilter{}) {
		got = append(got, n.NotificationID)
	}
	if diff := cmp.Diff([]string{"fill", "first"}, got); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

// fillDisk leaves a database with room for small notifications only, and saves one of them: beyond
// that SQLite reports that it is full, PostgreSQL that the disk is. It also makes the database
// refuse notifications with the id !bad, which is no fault of the database.
func fillDisk(t *testing.T, db *storetest.Database, source store.Source) {
	t.Helper()
	in := store.Inbound{
		SourceID: source.ID, Batch: batchOf(entry("fill", "{}")), ReceivedAt: now,
		Join: func(ctx context.Context, tx *sqlx.Tx) error {
			if db.Store.Driver() == storetest.Postgres {
				return execInTx(ctx, tx, `
					create function fail() returns trigger language plpgsql as $$
					begin raise exception using errcode = tg_argv[0]; end $$`, `
					create trigger disk_full before insert on notifications for each row
					when (length(new.fields::text) > 1000) execute function fail('53100')`, `
					create trigger bad before insert on notifications for each row
					when (new.notification_id = '!bad') execute function fail('23514')`)
			}
			var pages int
			if err := execInTx(ctx, tx, `
				create trigger bad before insert on notifications when new.notification_id = '!bad'
				begin select raise(abort, 'bad'); end`); err != nil {
				return err
			}
			if err := tx.GetContext(ctx, &pages, `pragma page_count`); err != nil {
				return err
			}
			return tx.GetContext(ctx, &pages, fmt.Sprintf(`pragma max_page_count = %d`, pages+10))
		},
	}
	if _, err := db.Store.Save(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

func execInTx(ctx context.Context, tx *sqlx.Tx, statements ...string) error {
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// PostgreSQL may resolve a deadlock at the expense of a save, which is then made again: ten times
// at most.
func TestSaveIsTriedAgainAfterADeadlock(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"40P01", "40001"} {
		for _, batch := range []*ledger.Batch{benchmarkBatch(0, 1), benchmarkBatch(0, 3)} {
			for _, deadlocks := range []int{9, 10} {
				name := fmt.Sprintf("%s/%d/%d", code, len(batch.Entries), deadlocks)
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					db := storetest.New(t, storetest.Postgres)
					source := addSource(t, db.Store, "one")
					attempts := failInserts(t, db, code, deadlocks)
					in := store.Inbound{SourceID: source.ID, Batch: batch, ReceivedAt: now}
					saved, err := db.Store.Save(t.Context(), in)
					switch want := len(batch.Entries); {
					case deadlocks < 10 && (err != nil || saved.Stored != want):
						t.Errorf("got %+v, %v, want %d stored", saved, err, want)
					case deadlocks == 10 && !errors.Is(err, store.ErrUnavailable):
						t.Errorf("got %v, want %v", err, store.ErrUnavailable)
					}
					if got := attempts(); got != 10 {
						t.Errorf("got %d attempts, want 10", got)
					}
				})
			}
		}
	}
}

// failInserts makes the first inserts fail with a SQLSTATE, and returns a function that counts all.
func failInserts(
	t *testing.T, db *storetest.Database, code string, times int,
) (attempts func() int) {
	t.Helper()
	raw := openRaw(t, db)
	for _, statement := range []string{
		`create sequence attempts`, // counts what is rolled back, too
		fmt.Sprintf(`create function fail() returns trigger language plpgsql as $$
			begin
				if nextval('attempts') <= %d then raise exception using errcode = '%s'; end if;
				return null;
			end $$`, times, code),
		`create trigger fail before insert on notifications for each statement execute function fail()`,
	} {
		if _, err := raw.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	return func() (n int) {
		t.Helper()
		if err := raw.QueryRow(`select last_value from attempts`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
}

// Without these settings of the connection that writes, an acked batch may be lost when the
// machine loses its power.
func TestSQLiteSyncsEachCommit(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.SQLite)
	source := addSource(t, db.Store, "one")
	got := map[string]string{}
	_, err := db.Store.Save(t.Context(), store.Inbound{
		SourceID: source.ID, Batch: batchOf(entry("04l", "{}")), ReceivedAt: now,
		Join: func(ctx context.Context, tx *sqlx.Tx) error {
			for _, name := range []string{"synchronous", "fullfsync", "journal_mode", "foreign_keys"} {
				var value string
				if err := tx.GetContext(ctx, &value, `pragma `+name); err != nil {
					return err
				}
				got[name] = value
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"synchronous": "2", "fullfsync": "1", "journal_mode": "wal", "foreign_keys": "1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
