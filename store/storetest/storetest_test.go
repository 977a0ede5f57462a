package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"ackbox/store"
	"ackbox/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

var t0 = time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC)

func TestEachTestHasItsOwnDatabase(t *testing.T) {
	t.Parallel()
	for range 2 {
		storetest.Each(t, func(t *testing.T, db *storetest.Database) {
			if got, want := db.Store.Driver(), t.Name(); !strings.Contains(want, got) {
				t.Errorf("got %s in %s", got, want)
			}
			if _, _, err := db.Store.AddSource(t.Context(), "same", nil, t0); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestURLNamesAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{storetest.SQLite, storetest.Postgres} {
		db, err := store.Open(storetest.URL(t, driver))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Sources(t.Context()); err == nil {
			t.Errorf("%s: got tables, want none", driver)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestClusterKeepsItsDataAndAddress(t *testing.T) {
	t.Parallel()
	cluster := storetest.NewCluster(t, storetest.Options{Settings: map[string]string{"fsync": "on"}})
	db := storetest.Open(t, cluster.URL("postgres")).Store
	if _, _, err := db.AddSource(t.Context(), "kept", []string{"one"}, t0); err != nil {
		t.Fatal(err)
	}
	for _, immediate := range []bool{false, true} {
		if err := errors.Join(cluster.Stop(immediate), cluster.Stop(immediate)); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Sources(t.Context()); err == nil {
			t.Error("got an answer from a stopped cluster")
		}
		if err := cluster.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if sources, err := db.Sources(t.Context()); err != nil || len(sources) != 1 {
			t.Errorf("got %v, %v, want one source", sources, err)
		}
	}
	health, err := db.Health(t.Context())
	if err != nil || len(health.Warnings) != 0 {
		t.Errorf("got %v, %v, want fsync to be on", health, err)
	}
}

func TestStartClusterReturnsTheServersMessage(t *testing.T) {
	t.Parallel()
	storetest.New(t, storetest.Postgres)
	settings := map[string]string{"no_such_setting": "on"}
	cluster, err := storetest.StartCluster(context.Background(), storetest.Options{Settings: settings})
	if errors.Is(err, storetest.ErrNotInstalled) {
		t.Skip(err)
	}
	if err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("got %v, %v, want the server's message", cluster, err)
	}
}

// recorder is a [testing.TB] that records how the test ended.
type recorder struct {
	testing.TB
	end string
}

func (r *recorder) Helper()                       {}
func (r *recorder) Fatal(...any)                  { r.finish("failed") }
func (r *recorder) Fatalf(string, ...any)         { r.finish("failed") }
func (r *recorder) Skipf(format string, a ...any) { r.finish("skipped: " + fmt.Sprintf(format, a...)) }
func (r *recorder) finish(end string)             { r.end = end; panic(r) }
func (r *recorder) run(test func(tb testing.TB))  { defer func() { _ = recover() }(); test(r) }

func TestWithoutPostgreSQL(t *testing.T) {
	tests := []struct {
		name, require string
		err           error
		want          string
	}{
		{"not installed", "", storetest.ErrNotInstalled, "skipped: skipped without postgres"},
		{"not installed, required", "postgres", storetest.ErrNotInstalled, "failed"},
		{"broken", "", errors.New("broken"), "failed"},
	}
	for _, test := range tests {
		t.Setenv("ACKBOX_TEST_REQUIRE", test.require)
		r := &recorder{TB: t}
		r.run(func(tb testing.TB) { storetest.Unavailable(tb, test.err) })
		if !strings.HasPrefix(r.end, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, r.end, test.want)
		}
	}
}
