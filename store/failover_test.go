package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"ackbox/store"
	"ackbox/store/storetest"
)

// servers are two servers, of which the first that takes writes is used.
type servers struct {
	both          string // the DATABASE_URL
	first, second *storetest.Database
}

func newServers(t *testing.T) servers {
	t.Helper()
	var s servers
	var ports []string
	for _, db := range []**storetest.Database{&s.first, &s.second} {
		cluster := storetest.NewCluster(t, storetest.Options{})
		*db = storetest.Open(t, cluster.URL("postgres"))
		addSource(t, (*db).Store, "one")
		ports = append(ports, fmt.Sprint(cluster.Port()))
	}
	s.both = "postgres://postgres@/postgres?sslmode=disable&host=127.0.0.1,127.0.0.1&port=" +
		strings.Join(ports, ",") + "&target_session_attrs=read-write"
	return s
}

// makeReadOnly makes a server read-only, as when a failover fences it off. Its connections stay.
func makeReadOnly(t *testing.T, raw *sql.DB) {
	t.Helper()
	execAll(t, raw, `alter system set default_transaction_read_only = on`, `select pg_reload_conf()`)
	until(t, "the server is read-only", func() bool {
		var setting string
		err := raw.QueryRow(`show default_transaction_read_only`).Scan(&setting)
		return err == nil && setting == "on"
	})
}

// fillPool makes a store open several connections.
func fillPool(t *testing.T, db *store.Store, raw *sql.DB) {
	t.Helper()
	tx, err := raw.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(`lock table sources`); err != nil {
		t.Fatal(err)
	}
	const readers = 6
	done := make(chan error, readers)
	for range readers {
		go func() {
			_, err := db.Sources(t.Context())
			done <- err
		}()
	}
	until(t, "all wait for the table", func() bool { return waiting(t, raw, "Lock") == readers })
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	for range readers {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

// waiting returns how many connections of a database wait for an event, or any of a type.
func waiting(t *testing.T, raw *sql.DB, what string) (n int) {
	t.Helper()
	err := raw.QueryRow(`
		select count(*) from pg_stat_activity
		where $1 in (wait_event_type, wait_event) and datname = current_database()`, what).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// At the end of a failover the old primary may be read-only, with all connections still open.
func TestPoolLeavesAServerThatBecomesReadOnly(t *testing.T) {
	t.Parallel()
	for _, way := range []struct {
		name string
		join store.Join
	}{
		{"alone", nil},
		{"in a transaction", func(context.Context, *sqlx.Tx) error { return nil }},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			s := newServers(t)
			db := storetest.Open(t, s.both).Store
			fillPool(t, db, openRaw(t, s.first))
			makeReadOnly(t, openRaw(t, s.first))
			for i := range 20 {
				in := store.Inbound{SourceID: 1, Batch: benchmarkBatch(i, 1), ReceivedAt: now, Join: way.join}
				if _, err := db.Save(t.Context(), in); err != nil {
					t.Errorf("save %d: %v", i, err)
				}
			}
			// A connection may take a write until it has read the setting.
			before := len(export(t, s.first.Store, store.NotificationFilter{}))
			after := len(export(t, s.second.Store, store.NotificationFilter{}))
			if before+after != 20 || after == 0 {
				t.Errorf("got %d and %d notifications, want 20, most of them on the second server", before, after)
			}
		})
	}
}

// What else writes begins a transaction, which lib/pq begins as READ WRITE.
func TestReadOnlyServerIsNotWrittenTo(t *testing.T) {
	t.Parallel()
	cluster := storetest.NewCluster(t, storetest.Options{})
	db := storetest.Open(t, cluster.URL("postgres"))
	raw := openRaw(t, db)
	makeReadOnly(t, raw)
	for range 2 {
		_, _, err := db.Store.AddSource(t.Context(), "one", nil, now)
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("got %v, want %v", err, store.ErrUnavailable)
		}
	}
	execAll(t, raw, `alter system set default_transaction_read_only = off`, `select pg_reload_conf()`)
	until(t, "the server takes writes", func() bool {
		_, _, err := db.Store.AddSource(t.Context(), "two", nil, now)
		return err == nil
	})
}

// A standby refuses to begin a transaction that may write.
func TestStandbyIsUnavailable(t *testing.T) {
	t.Parallel()
	primary := storetest.NewCluster(t, storetest.Options{})
	source := addSource(t, storetest.Open(t, primary.URL("postgres")).Store, "one")
	standby := primary.NewStandby(t)
	db, err := store.Open(standby.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	in := store.Inbound{SourceID: source.ID, Batch: benchmarkBatch(0, 1), ReceivedAt: now}
	if _, err := db.Save(t.Context(), in); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("save: got %v, want %v", err, store.ErrUnavailable)
	}
	_, _, err = db.AddSource(t.Context(), "two", nil, now)
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("add: got %v, want %v", err, store.ErrUnavailable)
	}
	execAll(t, openRaw(t, &storetest.Database{URL: standby.URL("postgres")}), `select pg_promote()`)
	if _, err := db.Save(t.Context(), in); err != nil {
		t.Errorf("after the promotion: %v", err)
	}
}

// A server may be told to stop waiting for its synchronous standby: it then commits, with a warning.
func TestCommitThatIsNotReplicatedIsAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	for _, way := range []struct {
		name string
		join store.Join
	}{
		{"alone", nil},
		{"in a transaction", func(context.Context, *sqlx.Tx) error { return nil }},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			cluster := storetest.NewCluster(t, storetest.Options{})
			db := storetest.Open(t, cluster.URL("postgres"))
			source := addSource(t, db.Store, "one")
			raw := openRaw(t, db)
			awaitStandby(t, raw, "missing")
			in := store.Inbound{SourceID: source.ID, ReceivedAt: now, Join: way.join}
			saved := saveWithoutStandby(t, db.Store, raw, &in)
			execAll(t, raw, cancelReplication)
			if r := <-saved; !errors.Is(r.err, store.ErrUnavailable) {
				t.Errorf("got %+v, %v, want %v", r.saved, r.err, store.ErrUnavailable)
			}
			awaitStandby(t, raw, "")
			if got := save(t, db.Store, source, in.Batch, now); got.Duplicates != 3 {
				t.Errorf("sent again: got %+v, want 3 duplicates", got)
			}
		})
	}
}

// What another process, or a server that has crashed since, has stored without its standby may not be
// there yet, and inserting nothing waits for no standby.
func TestDuplicatesWaitForTheStandby(t *testing.T) {
	t.Parallel()
	cluster := storetest.NewCluster(t, storetest.Options{})
	db := storetest.Open(t, cluster.URL("postgres"))
	source := addSource(t, db.Store, "one")
	other := storetest.Open(t, db.URL).Store
	raw := openRaw(t, db)
	awaitStandby(t, raw, "missing")
	in := store.Inbound{SourceID: source.ID, ReceivedAt: now}
	saved := saveWithoutStandby(t, db.Store, raw, &in)
	execAll(t, raw, cancelReplication)
	if r := <-saved; !errors.Is(r.err, store.ErrUnavailable) {
		t.Fatalf("got %+v, %v, want %v", r.saved, r.err, store.ErrUnavailable)
	}
	again := savingInbound(t.Context(), other, in)
	until(t, "the redelivery waits", func() bool {
		if len(again) > 0 {
			r := <-again
			t.Fatalf("got %+v, %v without the standby", r.saved, r.err)
		}
		return waiting(t, raw, "SyncRep") > 0
	})
	execAll(t, raw, cancelReplication)
	if r := <-again; !errors.Is(r.err, store.ErrUnavailable) {
		t.Errorf("got %+v, %v, want %v", r.saved, r.err, store.ErrUnavailable)
	}
	awaitStandby(t, raw, "")
	if got := save(t, other, source, in.Batch, now); got.Duplicates != 3 {
		t.Errorf("without a standby: got %+v, want 3 duplicates", got)
	}
}

// awaitStandby makes commits wait for a standby of a name, or for none.
func awaitStandby(t *testing.T, raw *sql.DB, name string) {
	t.Helper()
	execAll(t, raw, `alter system set synchronous_standby_names = '`+name+`'`, `select pg_reload_conf()`)
	until(t, "the setting is in use", func() bool {
		var names string
		err := raw.QueryRow(`show synchronous_standby_names`).Scan(&names)
		return err == nil && names == name
	})
}

// cancelReplication ends the wait of all commits for their standby.
const cancelReplication = `
	select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'`

// saveWithoutStandby saves batches until a commit waits for the standby: the server needs a moment
// for the setting. The batch of that commit remains in the inbound.
func saveWithoutStandby(
	t *testing.T, db *store.Store, raw *sql.DB, in *store.Inbound,
) (saved <-chan result) {
	t.Helper()
	for i := range 10_000 {
		in.Batch = benchmarkBatch(3*i, 3)
		saved = savingInbound(t.Context(), db, *in)
		ended := false
		until(t, "the batch is saved, or waits", func() bool {
			select {
			case r := <-saved:
				ended = true
				if r.err != nil {
					t.Error(r.err)
				}
			default:
			}
			return ended || waiting(t, raw, "SyncRep") > 0
		})
		if !ended {
			return saved
		}
	}
	t.Fatal("no commit waits for the standby")
	return nil
}

// Committers that all wait for the database leave connections for the rest.
func TestPoolFollowsTheCommitters(t *testing.T) {
	t.Parallel()
	const committers = 20
	db := storetest.Open(t, storetest.URL(t, storetest.Postgres), store.Committers(committers))
	source := addSource(t, db.Store, "one")
	release := hold(t, db)
	var saves []<-chan result
	for i := range committers {
		saves = append(saves, saving(t.Context(), db.Store, source.ID, benchmarkBatch(i, 1)))
		until(t, "a committer has taken the batch", func() bool {
			batches, _ := db.Store.Pending()
			return batches == i+1 && db.Store.Waiting() == 0
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := db.Store.Sources(ctx); err != nil {
		t.Error(err)
	}
	raw := openRaw(t, db)
	until(t, "all committers wait for the table", func() bool {
		return waiting(t, raw, "Lock") == committers
	})
	release()
	for i, s := range saves {
		if r := <-s; r.err != nil {
			t.Errorf("batch %d: %v", i, r.err)
		}
	}
}
