// Package storetest creates databases for tests: on SQLite always, on PostgreSQL if its binaries
// are installed or TEST_DATABASE_URL names a server. It starts a temporary cluster itself, once per
// test binary.
//
// A package that uses it runs its tests with [Main]:
//
//	func TestMain(m *testing.M) { storetest.Main(m) }
package storetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ackbox/store"
)

// The databases that a test can ask for.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// Database is the database of one test.
type Database struct {
	// Store is migrated, and is closed when the test ends.
	Store *store.Store
	// URL is the database's DATABASE_URL, for others that open it.
	URL string
}

// Main runs the tests, stops the cluster that they started, if any, and exits.
func Main(m *testing.M) {
	code := m.Run()
	if err := stopShared(); err != nil {
		fmt.Fprintln(os.Stderr, "storetest:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// Each runs a test on every database, as the parallel subtests "sqlite" and "postgres". Without
// PostgreSQL the latter is skipped; with ACKBOX_TEST_REQUIRE=postgres it fails.
func Each(t *testing.T, test func(t *testing.T, db *Database)) {
	t.Helper()
	for _, driver := range []string{SQLite, Postgres} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			test(t, New(t, driver))
		})
	}
}

// New returns a migrated database of one kind, [SQLite] or [Postgres]. Without PostgreSQL it skips
// or fails the test as [Each] does.
func New(tb testing.TB, driver string) *Database {
	tb.Helper()
	if driver == Postgres {
		return Open(tb, requireShared(tb).create(tb, true))
	}
	return Open(tb, URL(tb, driver))
}

// Open opens and migrates the database at url, and closes it when the test ends.
func Open(tb testing.TB, url string, options ...store.Option) *Database {
	tb.Helper()
	s, err := store.Open(url, options...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close store: %v", err)
		}
	})
	if err := s.Migrate(context.Background()); err != nil {
		tb.Fatal(err)
	}
	return &Database{Store: s, URL: url}
}

// URL returns the DATABASE_URL of an empty database of one kind, without a schema. The database is
// dropped when the test ends.
func URL(tb testing.TB, driver string) string {
	tb.Helper()
	if driver == Postgres {
		return requireShared(tb).create(tb, false)
	}
	return "sqlite:" + filepath.Join(tb.TempDir(), "ackbox.db")
}

// NewCluster starts a cluster for one test, which may stop it, and removes it when the test ends.
// Without PostgreSQL's binaries it skips or fails the test as [Each] does.
func NewCluster(tb testing.TB, options Options) *Cluster {
	tb.Helper()
	cluster, err := StartCluster(tb.Context(), options)
	if err != nil {
		unavailable(tb, err)
	}
	tb.Cleanup(func() {
		if err := cluster.Close(); err != nil {
			tb.Errorf("close cluster: %v", err)
		}
	})
	return cluster
}

// requireShared returns the server that all tests share.
func requireShared(tb testing.TB) *server {
	tb.Helper()
	s, err := shared()
	if err != nil {
		unavailable(tb, err)
	}
	return s
}

// unavailable skips a test because PostgreSQL is not installed. It fails the test if PostgreSQL is
// required, or is installed and does not work.
func unavailable(tb testing.TB, err error) {
	tb.Helper()
	if !errors.Is(err, ErrNotInstalled) {
		tb.Fatal(err)
	}
	skip(tb, Postgres, err)
}

// skip skips a test because something is missing, or fails it if ACKBOX_TEST_REQUIRE names that.
func skip(tb testing.TB, what string, err error) {
	tb.Helper()
	if strings.Contains(os.Getenv("ACKBOX_TEST_REQUIRE"), what) {
		tb.Fatalf("ACKBOX_TEST_REQUIRE names %s, but %v", what, err)
	}
	tb.Skipf("skipped without %s: %v", what, err)
}
