package store_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbox/store"
	"ackbox/store/storetest"
)

func TestServerCrashLosesNothingThatWasSaved(t *testing.T) {
	t.Parallel()
	cluster := storetest.NewCluster(t, storetest.Options{
		Settings: map[string]string{"fsync": "on", "synchronous_commit": "off"},
	})
	db := storetest.Open(t, cluster.URL("postgres")).Store
	source := addSource(t, db, "one")
	var saved int
	failed := make(chan error)
	enough := make(chan struct{})
	go func() {
		for ; ; saved++ {
			if saved == 50 {
				close(enough)
			}
			in := store.Inbound{SourceID: source.ID, Batch: benchmarkBatch(saved*3, 3), ReceivedAt: now}
			if _, err := db.Save(t.Context(), in); err != nil {
				failed <- err
				return
			}
		}
	}()
	select {
	case <-enough:
	case err := <-failed:
		t.Fatal(err)
	}
	if err := cluster.Stop(true); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("while it crashed: got %v, want %v", err, store.ErrUnavailable)
	}
	requireUnavailable(t, db)
	if err := cluster.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	// What was being saved is stored or not; it is sent again either way.
	if got := save(t, db, source, benchmarkBatch(0, 3*saved+3), now); got.Duplicates < 3*saved {
		t.Errorf("got %+v, want %d duplicates", got, 3*saved)
	}
}

// requireUnavailable checks that every call on a database that is gone returns ErrUnavailable.
func requireUnavailable(t *testing.T, db *store.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	in := store.Inbound{SourceID: 1, Batch: batchOf(entry("04l", "{}")), ReceivedAt: now}
	_, saveErr := db.Save(ctx, in)
	_, healthErr := db.Health(ctx)
	_, sourcesErr := db.Sources(ctx)
	_, pruneErr := db.Prune(ctx, now, store.Retention{OlderThan: store.MinRetention}, nil)
	for name, err := range map[string]error{
		"save": saveErr, "health": healthErr, "sources": sourcesErr, "prune": pruneErr,
		"migrate":       db.Migrate(ctx),
		"refuse":        db.Refuse(ctx, store.Refusal{At: now}),
		"refusals":      db.Refusals(ctx, store.RefusalFilter{}, nil),
		"notifications": db.Notifications(ctx, store.NotificationFilter{}, nil),
		"disable":       db.DisableSource(ctx, "one", now),
	} {
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: got %v, want %v", name, err, store.ErrUnavailable)
		}
	}
}

func TestClosedStoreIsUnavailable(t *testing.T) {
	t.Parallel()
	for _, driver := range drivers {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			db, err := store.Open(storetest.URL(t, driver))
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			requireUnavailable(t, db)
		})
	}
}

func TestServerThatDoesNotListenIsUnavailable(t *testing.T) {
	t.Parallel()
	listener := listen(t)
	listener.Close()
	db, err := store.Open("postgres://u:p@" + listener.Addr().String() + "/d")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	requireUnavailable(t, db)
}

func TestServerThatDoesNotAnswerIsUnavailable(t *testing.T) {
	t.Parallel()
	db, err := store.Open("postgres://u:p@" + listen(t).Addr().String() + "/d")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := db.Health(ctx); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v, want %v", err, store.ErrUnavailable)
	}
}

// A server that hangs keeps a connection open and does not answer: here one that waits for a lock.
func TestServerThatHangsIsUnavailable(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		tx, err := openRaw(t, db).Begin()
		if err != nil {
			t.Fatal(err)
		}
		if db.Store.Driver() == storetest.Postgres { // SQLite's begin is a lock by itself
			if _, err := tx.Exec(`lock table notifications in exclusive mode`); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		in := store.Inbound{SourceID: source.ID, Batch: batchOf(entry("04l", "{}")), ReceivedAt: now}
		if _, err := db.Store.Save(ctx, in); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("got %v, want %v", err, store.ErrUnavailable)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		saved := save(t, db.Store, source, in.Batch, now)
		if saved.Stored+saved.Duplicates != 1 {
			t.Errorf("afterwards: got %+v, want it stored", saved)
		}
	})
}

func TestTooManyConnectionsIsUnavailable(t *testing.T) {
	t.Parallel()
	cluster := storetest.NewCluster(t, storetest.Options{
		Settings: map[string]string{"max_connections": "5", "superuser_reserved_connections": "0"},
	})
	raw := openRaw(t, &storetest.Database{URL: cluster.URL("postgres")})
	for range 5 {
		conn, err := raw.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	db, err := store.Open(cluster.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	requireUnavailable(t, db)
}

func TestMissingDatabaseIsNotUnavailable(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t, storetest.Postgres)
	db, err := store.Open(strings.Replace(url, "/ackbox_test_", "/missing_", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Health(t.Context()); err == nil || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v, want an error of its own", err)
	}
}

func TestSQLiteFolderThatIsMissingIsUnavailable(t *testing.T) {
	t.Parallel()
	db, err := store.Open("sqlite:" + filepath.Join(t.TempDir(), "missing", "ackbox.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	requireUnavailable(t, db)
}

// Commands run while serve is running: here two stores of one database take turns.
func TestTwoProcessesShareADatabase(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		other := storetest.Open(t, db.URL)
		source := addSource(t, db.Store, "one")
		done := make(chan error, 1)
		go func() {
			for i := range 50 {
				if err := other.Store.AllowOrganization(t.Context(), "one", fmt.Sprint(i)); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		for i := range 50 {
			save(t, db.Store, source, benchmarkBatch(i, 2), now)
			if found := export(t, other.Store, store.NotificationFilter{}); len(found) != i+2 {
				t.Fatalf("got %d notifications, want %d", len(found), i+2)
			}
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(50, len(sourceNamed(t, db.Store, "one").Organizations)); diff != "" {
			t.Errorf("organizations (-want +got):\n%s", diff)
		}
	})
}
