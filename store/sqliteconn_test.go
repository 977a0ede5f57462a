package store_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ackbox/ledger"
	"ackbox/store"
	"ackbox/store/storetest"
)

// preparedInserts returns how many inserts the connection that writes to SQLite has prepared.
func preparedInserts(t *testing.T, db *storetest.Database) int {
	t.Helper()
	n, err := db.Store.PreparedInserts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSQLitePreparesAnInsertOnce(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.SQLite)
	source := addSource(t, db.Store, "one")
	for i, step := range []struct{ rows, want int }{
		{1, 1}, {1, 1}, {3, 2}, {3, 2}, {4, 3},
		{100, 4}, {200, 4}, {204, 4}, // two of 100 and one of 4
		{37, 7}, // 20, 10 and 7
	} {
		save(t, db.Store, source, benchmarkBatch(1000*i, step.rows), now)
		if got := preparedInserts(t, db); got != step.want {
			t.Errorf("step %d: got %d prepared inserts, want %d", i, got, step.want)
		}
	}
}

func TestSQLitePreparesAgainOnANewConnection(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.SQLite)
	source := addSource(t, db.Store, "one")
	save(t, db.Store, source, benchmarkBatch(0, 1), now)
	if err := db.Store.DropSQLiteWriter(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := preparedInserts(t, db); got != 0 {
		t.Errorf("got %d prepared inserts on a new connection, want none", got)
	}
	got := save(t, db.Store, source, benchmarkBatch(0, 2), now)
	if want := (store.Saved{Stored: 1, Duplicates: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if err := db.Store.Close(); err != nil {
		t.Fatal(err)
	}
	// A statement that is not closed keeps its connection open, and SQLite the log.
	_, err := os.Stat(strings.TrimPrefix(db.URL, "sqlite:") + "-wal")
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want the log to be gone with the last connection", err)
	}
}

// Whatever the number of rows is divided into, all are stored once, in their order, with all that
// they have.
func TestSQLiteInsertsAnyNumberOfRows(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.SQLite)
	source := addSource(t, db.Store, "one")
	var want []string
	for n := 1; n <= 260; n += 1 + n/20 {
		var entries []ledger.Entry
		for i := range n {
			e := entry(fmt.Sprintf("04l%03d-%03d", n, i), fmt.Sprintf(`{"n":%d}`, i))
			if n%2 == 1 && i == n/2 { // all columns of the rows of one statement
				e.Operation, e.Covers, e.ChangedAt = ledger.Delete, ledger.CoversPart, now
				e.Header = []byte(`{}`)
			}
			entries = append(entries, e)
			want = append(want, fmt.Sprintf("%s %d %t", e.ID, e.Covers, e.Header != nil))
		}
		revised := entry(entries[0].ID, `{"revised":true}`)
		b := batchOf(append(entries, entries[n/2], revised)...)
		wantSaved := store.Saved{Stored: n, Revisions: 1, Duplicates: 1}
		if got := save(t, db.Store, source, b, now); got != wantSaved {
			t.Errorf("%d rows: got %+v, want %+v", n, got, wantSaved)
		}
		if got := save(t, db.Store, source, b, now); got != (store.Saved{Duplicates: n + 2}) {
			t.Errorf("%d rows again: got %+v", n, got)
		}
	}
	got := texts(t, openRaw(t, db), `
		select notification_id || ' ' || covers || ' ' ||
			case when header is null then 'false' else 'true' end
		from notifications where fields not like '%revised%' order by id`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Another process may migrate the database while a connection has inserts prepared.
func TestPreparedInsertsFollowTheSchema(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.SQLite)
	source, raw := addSource(t, db.Store, "one"), openRaw(t, db)
	const size = 3
	next := 0
	saveNext := func() error {
		in := store.Inbound{SourceID: source.ID, Batch: benchmarkBatch(next, size), ReceivedAt: now}
		saved, err := db.Store.Save(t.Context(), in)
		if err == nil && saved.Stored != size {
			err = fmt.Errorf("got %+v, want %d stored", saved, size)
		}
		next += size
		return err
	}
	for _, change := range []string{
		`select 1`,
		`alter table notifications add column later text not null default 'x'`,
		`create index later on notifications (later)`,
		`alter table notifications drop column header`,
		`create trigger later after insert on notifications begin update sources set name = 'two'; end`,
	} {
		execAll(t, raw, change)
		if err := saveNext(); err != nil {
			t.Errorf("after %s: %v", change, err)
		}
	}
	execAll(t, raw, `drop trigger later`, `alter table notifications rename column digest to other`)
	if err := saveNext(); err == nil {
		t.Error("a column is missing and the insert succeeded")
	}
	execAll(t, raw, `alter table notifications rename column other to digest`)
	if err := saveNext(); err != nil {
		t.Errorf("after the column is back: %v", err)
	}
	if got := preparedInserts(t, db); got != 1 {
		t.Errorf("got %d prepared inserts, want 1", got)
	}
	if got := texts(t, raw, `select name from sources`); !cmp.Equal(got, []string{"two"}) {
		t.Errorf("the trigger did not run: got %v", got)
	}
}
