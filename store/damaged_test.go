package store_test

import (
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"

	"ackbox/store"
	"ackbox/store/storetest"
)

// refusedGroup saves a group that the database refuses as a whole, after a batch that it refuses,
// too, and returns the errors.
func refusedGroup(t *testing.T, db *storetest.Database, sourceID int64) (errs []error) {
	t.Helper()
	var inbound []store.Inbound
	for i := range 21 {
		inbound = append(inbound, store.Inbound{SourceID: sourceID, Batch: benchmarkBatch(3*i, 3)})
	}
	first, results := saveGroupAfter(t, db, inbound...)
	errs = append(errs, first.err)
	for _, r := range results {
		errs = append(errs, r.err)
	}
	return errs
}

// A damaged database is not the fault of a batch: the group is not halved.
func TestDamagedDatabaseIsUnavailable(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.URL(t, storetest.Postgres), store.Committers(1))
	source := addSource(t, db.Store, "one")
	raw := openRaw(t, db)
	execAll(t, raw, `create sequence tries`, `
		create function damaged() returns trigger language plpgsql as $$
		begin
			perform nextval('tries');
			raise exception 'invalid page' using errcode = 'XX001';
		end $$`, `
		create trigger damaged before insert on notifications for each statement
		execute function damaged()`)
	for i, err := range refusedGroup(t, db, source.ID) {
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("batch %d: got %v, want %v", i, err, store.ErrUnavailable)
		}
	}
	var tries int
	if err := raw.QueryRow(`select last_value from tries`).Scan(&tries); err != nil || tries != 2 {
		t.Errorf("got %d inserts, %v, want that of the first batch and of the group", tries, err)
	}
}

// Neither is a schema that lacks a column, or a role that may not insert.
func TestGroupThatNoRowsCouldSaveIsNotHalved(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"column": `alter table notifications rename column digest to other`,
		"right":  `revoke insert on notifications from inbox`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := storetest.NewCluster(t, storetest.Options{})
			db := storetest.Open(t, cluster.URL("postgres"))
			source := addSource(t, db.Store, "one")
			raw := openRaw(t, db)
			execAll(t, raw, `create role inbox login`,
				`grant all on all tables in schema public to inbox`, statement)
			inbox := strings.Replace(db.URL, "postgres@", "inbox@", 1)
			s, err := store.Open(inbox, store.Committers(1))
			if err != nil {
				t.Fatal(err)
			}
			before := rollbacks(t, raw)
			errs := refusedGroup(t, &storetest.Database{Store: s, URL: db.URL}, source.ID)
			if i := slices.Index(errs, nil); i >= 0 {
				t.Errorf("batch %d: got no error", i)
			}
			if err := s.Close(); err != nil { // the server counts at the end of the connections
				t.Fatal(err)
			}
			until(t, "the transactions are counted", func() bool { return rollbacks(t, raw) > before+1 })
			if got := rollbacks(t, raw) - before; got > 3 { // with that of hold
				t.Errorf("got %d transactions rolled back, want one for the batch and one for the group", got)
			}
		})
	}
}

func rollbacks(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	err := db.QueryRow(`
		select xact_rollback from pg_stat_database where datname = current_database()`).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func execAll(tb testing.TB, db *sql.DB, statements ...string) {
	tb.Helper()
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			tb.Fatalf("%s: %v", statement, err)
		}
	}
}
