package store

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"
)

//go:embed migrations/*/*.sql
var migrations embed.FS

// Migrate updates the schema to this binary's version. It holds a lock, so any number of processes
// may call it at once. It leaves a newer schema alone: this binary is then the old one of a rolling
// deployment. A PostgreSQL database whose encoding is not UTF8 is an error.
func (s *Store) Migrate(ctx context.Context) error {
	err := s.await(ctx, func() error {
		if err := s.migrate(ctx); err != nil {
			return migrationError{err}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	return nil
}

func (s *Store) migrate(ctx context.Context) error {
	want, err := wantedVersion(s.driver)
	if err != nil {
		return err
	}
	if err := s.checkFiles(ctx); err != nil { // a file that is gone while in use is not made anew
		return err
	}
	if err := s.createFile(); err != nil {
		return err
	}
	if s.driver == driverPostgres {
		encoding, err := s.encoding(ctx)
		if err := cmp.Or(err, encodingError(encoding)); err != nil {
			return err
		}
	}
	if done, err := s.isMigrated(ctx, want); done || err != nil {
		return err
	}
	if s.driver == driverSQLite {
		return s.migrateSQLite(ctx)
	}
	if err := s.adopt(ctx, goose.DialectPostgres); err != nil {
		return err
	}
	locker, err := s.newMigrationLock(lockTable)
	if err != nil {
		return err
	}
	return s.up(ctx, goose.DialectPostgres, goose.WithLocker(locker))
}

// isMigrated reports whether the schema is that of this binary or newer, and the file of SQLite has
// a write-ahead log: one that was restored from a dump has none.
func (s *Store) isMigrated(ctx context.Context, want int64) (bool, error) {
	have, err := s.version(ctx, s.write)
	if err != nil || have < want || s.driver != driverSQLite {
		return have >= want, err
	}
	var mode string
	err = s.write.GetContext(ctx, &mode, "pragma journal_mode")
	return mode == "wal", err
}

// migrateSQLite also switches the file permanently to a write-ahead log, under the same lock:
// SQLite does not wait for other processes there.
func (s *Store) migrateSQLite(ctx context.Context) (err error) {
	unlock, err := s.lockFile(ctx, s.path+".lock")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	var mode string
	if err := s.write.GetContext(ctx, &mode, "pragma journal_mode = wal"); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("the journal mode of %s is %s, not wal: is the folder on a network drive?",
			s.path, mode)
	}
	if err := s.checkFiles(ctx); err != nil { // from now on there is a log to hold
		return err
	}
	if err := s.adopt(ctx, goose.DialectSQLite3); err != nil {
		return err
	}
	return s.up(ctx, goose.DialectSQLite3)
}

func (s *Store) up(
	ctx context.Context, dialect goose.Dialect, options ...goose.ProviderOption,
) error {
	folder, err := fs.Sub(migrations, "migrations/"+s.driver)
	if err != nil {
		return err
	}
	options = append(options, goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true))
	provider, err := goose.NewProvider(dialect, s.write.DB, folder, options...)
	if err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		_, err = provider.Up(ctx)
		if !isLockTimeout(err) || attempt == maxLockAttempts {
			return err
		}
		if attempt%sayEachAttempts == 1 {
			s.log.Info("the migration waits for a table that others use, such as an export", "error", err)
		}
		if err := pause(ctx, lockPause); err != nil {
			return err
		}
	}
}

// A migration that changes a table waits only briefly for the table's lock (lock_timeout in its
// SQL), lets the inserts behind it pass, and is tried again: for 5 minutes, as an export may take
// that long.
const (
	maxLockAttempts = 100
	lockPause       = time.Second
	sayEachAttempts = 5 // about 10 s, with the wait for the lock
)

// pause waits for d, or until the context ends, and then returns the context's error.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// version returns the number of the newest migration in the database, 0 if there is none.
func (s *Store) version(ctx context.Context, db *sqlx.DB) (version int64, err error) {
	tables, err := s.tables(ctx, db, versionTable)
	if err != nil || len(tables) == 0 {
		return 0, err
	}
	err = db.GetContext(ctx, &version, `select coalesce(max(version_id), 0) from `+versionTable)
	return version, err
}

// wantedVersion returns the number of this binary's newest migration.
func wantedVersion(driver string) (int64, error) {
	files, err := fs.Glob(migrations, "migrations/"+driver+"/*.sql")
	if err != nil {
		return 0, err
	}
	last := strings.TrimPrefix(files[len(files)-1], "migrations/"+driver+"/")
	number, _, _ := strings.Cut(last, "_")
	return strconv.ParseInt(number, 10, 64)
}
