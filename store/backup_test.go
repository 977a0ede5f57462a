package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"ackbox/store"
	"ackbox/store/storetest"
)

// A backup of a database in use has whole messages: all that were acked before it began.
func TestBackupIsConsistentWhileMessagesAreSaved(t *testing.T) {
	t.Parallel()
	const backups = 5
	db := storetest.New(t, storetest.SQLite)
	source := addSource(t, db.Store, "one")
	var saved atomic.Int64
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			batch := batchOf(entry(fmt.Sprintf("04l%da", i), "{}"), entry(fmt.Sprintf("04l%db", i), "{}"))
			inbound := store.Inbound{SourceID: source.ID, Batch: batch, ReceivedAt: now}
			if _, err := db.Store.Save(t.Context(), inbound); err != nil {
				stopped <- err
				return
			}
			saved.Add(2)
		}
	}()
	other := storetest.Open(t, db.URL).Store // as the command is another process
	folder := t.TempDir()
	for i := range backups {
		before, path := saved.Load(), filepath.Join(folder, fmt.Sprintf("%d.db", i))
		if err := other.Backup(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		requirePrivateFile(t, path)
		copied := storetest.Open(t, "sqlite:"+path)
		found := export(t, copied.Store, store.NotificationFilter{})
		if n := int64(len(found)); n < before || n%2 != 0 || n > saved.Load()+2 {
			t.Errorf("got %d notifications, want whole messages, at least %d", n, before)
		}
		requireIntactCopy(t, copied)
	}
	close(stop)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasPrefix(file.Name(), ".") {
			t.Errorf("%s was left behind", file.Name())
		}
	}
}

func requirePrivateFile(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("%s has the permissions %o, want 600", path, info.Mode().Perm())
	}
}

// requireIntactCopy checks that a copy can be used in place of the database.
func requireIntactCopy(t *testing.T, db *storetest.Database) {
	t.Helper()
	raw := openRaw(t, db)
	for pragma, want := range map[string]string{"integrity_check": "ok", "journal_mode": "wal"} {
		var got string
		if err := raw.QueryRowContext(t.Context(), "pragma "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", pragma, got, err, want)
		}
	}
	source := sourceNamed(t, db.Store, "one")
	save(t, db.Store, source, batchOf(entry("04lnew", "{}")), now)
	// The ids that were given out after the backup are used again.
	all := export(t, db.Store, store.NotificationFilter{})
	if last := all[len(all)-1]; last.ID != int64(len(all)) || last.NotificationID != "04lnew" {
		t.Errorf("got the id %d for %s, want %d", last.ID, last.NotificationID, len(all))
	}
}

func TestBackupReplacesNoFile(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.SQLite)
	path := filepath.Join(t.TempDir(), "there.db")
	for _, content := range []string{"something", ""} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := db.Store.Backup(t.Context(), path); !errors.Is(err, store.ErrExists) {
			t.Errorf("got %v, want %v", err, store.ErrExists)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != content {
			t.Errorf("got %q, %v, want the file as it was", got, err)
		}
	}
	err := db.Store.Backup(t.Context(), filepath.Join(t.TempDir(), "no", "backup.db"))
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v for a folder that does not exist, want %v", err, os.ErrNotExist)
	}
}

func TestBackupIsForSQLite(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.Postgres)
	path := filepath.Join(t.TempDir(), "backup.db")
	if err := db.Store.Backup(t.Context(), path); !errors.Is(err, store.ErrNotSQLite) {
		t.Errorf("got %v, want %v", err, store.ErrNotSQLite)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want no file", err)
	}
}

// A database that was restored from a dump has the journal of a new file.
func TestMigrateSwitchesARestoredFileToAWriteAheadLog(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.SQLite)
	addSource(t, db.Store, "one")
	path := filepath.Join(t.TempDir(), "restored.db")
	if _, err := openRaw(t, db).ExecContext(t.Context(), "vacuum into ?", path); err != nil {
		t.Fatal(err)
	}
	requireIntactCopy(t, storetest.Open(t, "sqlite:"+path))
}
