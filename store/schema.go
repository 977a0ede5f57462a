package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

var (
	// ErrNoDatabase means that there is no SQLite file, or that the database has no schema of ackbox.
	ErrNoDatabase = errors.New("no database")
	// ErrOutdated means that the schema needs a migration.
	ErrOutdated = errors.New("the schema is outdated")
)

// CheckExists returns [ErrNoDatabase], with the name of the database, unless [Store.Migrate] of
// this or another version has created the schema. It creates nothing.
func (s *Store) CheckExists(ctx context.Context) error {
	err := s.await(ctx, func() error { return s.checkExists(ctx) })
	if err != nil && !errors.Is(err, ErrNoDatabase) {
		return fmt.Errorf("look for database: %w", err)
	}
	return err
}

func (s *Store) checkExists(ctx context.Context) error {
	if s.driver == driverSQLite {
		if _, err := os.Stat(s.path); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w at %s", ErrNoDatabase, s.path)
		}
	}
	version, err := s.version(ctx, s.read)
	if err != nil || version > 0 {
		return err
	}
	if version, err = s.unversioned(ctx); err != nil || version > 0 { // of a version with other names
		return err
	}
	name := s.path
	if s.driver == driverPostgres {
		err = s.read.GetContext(ctx, &name, `
			select current_database() || coalesce(' at ' || host(inet_server_addr()) || ':' || inet_server_port(), '')`)
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%w of ackbox in %s: it has no schema yet", ErrNoDatabase, name)
}

// CheckSchema returns [ErrNoDatabase] or [ErrOutdated] unless the schema is that of this binary or
// newer.
func (s *Store) CheckSchema(ctx context.Context) error {
	if err := s.CheckExists(ctx); err != nil {
		return err
	}
	want, err := wantedVersion(s.driver)
	if err != nil {
		return err
	}
	var have int64
	err = s.await(ctx, func() (err error) {
		have, err = s.version(ctx, s.read)
		return err
	})
	if err == nil && have < want {
		err = fmt.Errorf("%w: it has version %d, this binary needs %d", ErrOutdated, have, want)
	}
	return err
}

// createFile creates the file of SQLite, which only its owner may read and write, if it does not
// exist. SQLite gives the write-ahead log and its index the same permissions. A file that exists is
// not opened: closing it would end the locks that SQLite has on it in this process.
func (s *Store) createFile() error {
	if s.driver != driverSQLite {
		return nil
	}
	if _, err := os.Stat(s.path); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	file, err := os.OpenFile(s.path, os.O_CREATE|os.O_WRONLY, 0o600) // where a link leads, too
	if err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	return file.Close()
}
