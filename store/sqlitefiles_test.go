package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"

	"ackbox/store"
	"ackbox/store/storetest"
)

// fileChanges are what may be done to a file of a database while it is in use.
var fileChanges = map[string]func(path string) error{
	"remove": os.Remove,
	"rename": func(path string) error { return os.Rename(path, path+".old") },
	"replace": func(path string) error {
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return errors.Join(os.WriteFile(path+".new", content, 0o600), os.Rename(path+".new", path))
	},
}

// eachFileChange runs a test with each change of each file of a database with one notification.
func eachFileChange(
	t *testing.T, test func(t *testing.T, db *storetest.Database, path string, change func() error),
) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("a file that is open cannot be moved")
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		for name, change := range fileChanges {
			t.Run(name+suffix, func(t *testing.T) {
				t.Parallel()
				db := storetest.New(t, storetest.SQLite)
				save(t, db.Store, addSource(t, db.Store, "one"), benchmarkBatch(0, 1), now)
				path := strings.TrimPrefix(db.URL, "sqlite:") + suffix
				test(t, db, path, func() error { return change(path) })
			})
		}
	}
}

// requireMoved checks that an error names the file that was moved.
func requireMoved(t *testing.T, err error, path string) {
	t.Helper()
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), path+" was removed") {
		t.Errorf("got %v, want %v with the path %s", err, store.ErrUnavailable, path)
	}
}

func TestNothingIsSavedInFilesThatAreGone(t *testing.T) {
	t.Parallel()
	eachFileChange(t, func(t *testing.T, db *storetest.Database, path string, change func() error) {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		in := store.Inbound{SourceID: 1, Batch: benchmarkBatch(1, 1), ReceivedAt: now}
		for range 2 {
			_, err := db.Store.Save(t.Context(), in)
			requireMoved(t, err, path)
			_, _, err = db.Store.AddSource(t.Context(), "two", nil, now)
			requireMoved(t, err, path)
		}
	})
}

// The file is changed after the group was begun and before it is committed.
func TestFileThatIsGoneAfterACommitIsAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	eachFileChange(t, func(t *testing.T, db *storetest.Database, path string, change func() error) {
		in := store.Inbound{
			SourceID: 1, Batch: benchmarkBatch(1, 1), ReceivedAt: now,
			Join: func(context.Context, *sqlx.Tx) error { return change() },
		}
		_, err := db.Store.Save(t.Context(), in)
		requireMoved(t, err, path)
	})
}

func TestFileThatIsPutBackIsUsedAgain(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("a file that is open cannot be moved")
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		db := storetest.New(t, storetest.SQLite)
		source := addSource(t, db.Store, "one")
		path := strings.TrimPrefix(db.URL, "sqlite:") + suffix
		if err := os.Rename(path, path+".old"); err != nil {
			t.Fatal(err)
		}
		in := store.Inbound{SourceID: source.ID, Batch: benchmarkBatch(0, 1), ReceivedAt: now}
		_, err := db.Store.Save(t.Context(), in)
		requireMoved(t, err, path)
		if err := os.Rename(path+".old", path); err != nil {
			t.Fatal(err)
		}
		save(t, db.Store, source, in.Batch, now)
	}
}

// A database that is gone is not created again, and its name may lead to another file.
func TestDatabaseThatIsGoneIsNotMadeAnew(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path, link := filepath.Join(folder, "real.db"), filepath.Join(folder, "link.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, link); err != nil {
		t.Skip(err)
	}
	db := storetest.Open(t, "sqlite:"+link)
	source := addSource(t, db.Store, "one")
	for i := range 3 {
		save(t, db.Store, source, benchmarkBatch(i, 1), now)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil {
			t.Error(err)
		}
	}
	for range 10 {
		in := store.Inbound{SourceID: source.ID, Batch: benchmarkBatch(0, 1), ReceivedAt: now}
		_, err := db.Store.Save(t.Context(), in)
		requireMoved(t, err, link)
	}
	requireMoved(t, db.Store.Migrate(t.Context()), link)
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want no file", err)
	}
}

// SQLite deletes the log when the last connection of all processes closes it.
func TestOthersMayOpenAndCloseTheDatabase(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.SQLite)
	source := addSource(t, db.Store, "one")
	for i := range 5 {
		other, err := store.Open(db.URL)
		if err != nil {
			t.Fatal(err)
		}
		in := store.Inbound{SourceID: source.ID, Batch: benchmarkBatch(2*i, 1), ReceivedAt: now}
		_, err = other.Save(t.Context(), in)
		if err := errors.Join(err, other.Close()); err != nil {
			t.Fatal(err)
		}
		save(t, db.Store, source, benchmarkBatch(2*i+1, 1), now)
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // SQLite's driver gives up an interrupted connection
		_, _ = db.Store.Sources(ctx)
	}
	if err := db.Store.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(strings.TrimPrefix(db.URL, "sqlite:") + "-wal"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want the log to be gone with the last connection", err)
	}
	again := storetest.Open(t, db.URL)
	if got := len(export(t, again.Store, store.NotificationFilter{})); got != 10 {
		t.Errorf("got %d notifications, want 10", got)
	}
}
