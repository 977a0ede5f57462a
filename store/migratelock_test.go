package store_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gofrs/flock"
	"github.com/pressly/goose/v3/lock"

	"ackbox/store"
	"ackbox/store/storetest"
)

// A process that was killed within a migration leaves its lock, which expires.
func TestMigrationSaysThatItWaitsForALock(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"ackbox_schema_lock", "goose_lock"} {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			url, written := storetest.URL(t, storetest.Postgres), &log{}
			raw := openRaw(t, &storetest.Database{URL: url})
			if table == "goose_lock" { // which an old binary holds
				gooseUp(t, storetest.Postgres, raw, oldMigrations(storetest.Postgres), 2)
			}
			execAll(t, raw, `
				create table `+table+` (
					lock_id bigint not null primary key, locked boolean not null default false,
					locked_at timestamptz, locked_by text, lease_expires_at timestamptz,
					updated_at timestamptz)`, fmt.Sprintf(`
				insert into `+table+` values (%d, true, now(), 'killed-1', now() + interval '3 s', now())`,
				lock.DefaultLockID))
			storetest.Open(t, url, written.option())
			if got := written.String(); !strings.Contains(got, "the migration waits") ||
				!strings.Contains(got, "holder=killed-1") || !strings.Contains(got, "lock_expires_in=") {
				t.Errorf("got the log %q, want the holder of the lock", got)
			}
		})
	}
}

func TestMigrationSaysThatItWaitsForATable(t *testing.T) {
	t.Parallel()
	url, written := storetest.URL(t, storetest.Postgres), &log{}
	raw := openRaw(t, &storetest.Database{URL: url})
	gooseUp(t, storetest.Postgres, raw, oldMigrations(storetest.Postgres), 2)
	reader, err := raw.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Rollback()
	if _, err := reader.Exec(`select count(*) from notifications`); err != nil {
		t.Fatal(err)
	}
	requireMigration(t, url, written, "the migration waits for a table", reader.Commit)
}

func TestMigrationSaysThatItWaitsForAFile(t *testing.T) {
	t.Parallel()
	url, written := storetest.URL(t, storetest.SQLite), &log{}
	file := strings.TrimPrefix(url, "sqlite:") + ".lock"
	other := flock.New(file)
	if err := other.Lock(); err != nil {
		t.Fatal(err)
	}
	requireMigration(t, url, written, file, other.Unlock)
}

// requireMigration checks that a migration says what it waits for, and succeeds after the wait.
func requireMigration(t *testing.T, url string, written *log, want string, release func() error) {
	t.Helper()
	db, err := store.Open(url, written.option())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	migrated := make(chan error, 1)
	go func() { migrated <- db.Migrate(t.Context()) }()
	until(t, "the log says what is waited for", func() bool {
		return strings.Contains(written.String(), "the migration waits") &&
			strings.Contains(written.String(), want)
	})
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if err := <-migrated; err != nil {
		t.Error(err)
	}
}
