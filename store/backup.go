package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
)

// ErrNotSQLite means that a database is PostgreSQL, which has tools of its own for something.
var ErrNotSQLite = errors.New("the database is not SQLite")

// Backup writes a consistent copy of a SQLite database, which may be in use, to a new file that
// only its owner may read. When it returns, the copy is on disk. The file has its name only once it
// is complete. Backup returns [ErrExists] if there is a file of that name, and [ErrNotSQLite] on
// PostgreSQL.
func (s *Store) Backup(ctx context.Context, path string) error {
	if s.driver != driverSQLite {
		return ErrNotSQLite
	}
	path, err := filepath.Abs(path)
	if err == nil {
		err = s.backup(ctx, path)
	}
	if err != nil {
		return fmt.Errorf("back up to %s: %w", path, s.failure(err))
	}
	return nil
}

func (s *Store) backup(ctx context.Context, path string) error {
	if _, err := os.Lstat(path); err == nil {
		return ErrExists
	}
	unfinished, err := os.CreateTemp(filepath.Dir(path), ".ackbox-backup-*") // with permissions 0600
	if err != nil {
		return err
	}
	name := unfinished.Name()
	defer func() { _ = os.Remove(name) }() // gone already if all went well
	if err := unfinished.Close(); err != nil {
		return err
	}
	if _, err := s.write.ExecContext(ctx, "vacuum into ?", name); err != nil {
		return err
	}
	if err := useWriteAheadLog(ctx, name); err != nil {
		return err
	}
	if err := syncFile(name); err != nil {
		return err
	}
	return publish(name, path)
}

// useWriteAheadLog switches a copy to a write-ahead log, as Migrate does with a new file: "vacuum
// into" copies everything else.
func useWriteAheadLog(ctx context.Context, path string) error {
	connector, err := sqliteURI(path, url.Values{"mode": {"rw"}})
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	_, err = db.ExecContext(ctx, "pragma journal_mode = wal")
	return errors.Join(err, db.Close())
}

// publish gives a finished file its name, in a way that replaces no file and survives a crash.
func publish(name, path string) error {
	err := os.Link(name, path)
	switch {
	case errors.Is(err, fs.ErrExist):
		return ErrExists
	case err != nil: // a file system without links
		if err := os.Rename(name, path); err != nil {
			return err
		}
	default:
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	return syncFolder(filepath.Dir(path))
}

// syncFile writes what the system has buffered of a file to disk.
func syncFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
