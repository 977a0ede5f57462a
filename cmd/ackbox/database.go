package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"ackbox/store"
)

// databaseFlags holds the flags of the database.
type databaseFlags struct {
	URL       string `name:"database-url" env:"DATABASE_URL" placeholder:"URL" help:"The database: sqlite:FILE, or a URL that begins with postgres:// or postgresql:// (default: sqlite:ackbox.db)."`
	NoMigrate bool   `env:"ACKBOX_NO_MIGRATE" help:"Do not migrate the schema."`
}

const embeddedURL = "sqlite:ackbox.db"

// embedded reports whether no database is given, so that embeddedURL is used.
func (f *databaseFlags) embedded() bool { return f.URL == "" }

// errEphemeral is returned on a Heroku dyno without a database, because its disk is wiped at every
// restart.
var errEphemeral = errors.New("DATABASE_URL is not set, and the disk of a Heroku dyno is wiped " +
	"every day: add a database with \"heroku addons:create heroku-postgresql:essential-0\"")

// open opens the database. It only checks the URL and makes no connection.
func (f *databaseFlags) open(options ...store.Option) (*store.Store, error) {
	if f.embedded() && os.Getenv("DYNO") != "" {
		return nil, errEphemeral
	}
	url := f.URL
	if f.embedded() {
		url = embeddedURL
	}
	s, err := store.Open(url, options...)
	if err != nil {
		return nil, usageError{err}
	}
	return s, nil
}

// migrate migrates the schema, or if the flags forbid it checks that there is nothing to migrate.
func (f *databaseFlags) migrate(ctx context.Context, s *store.Store) error {
	if f.NoMigrate {
		return s.CheckSchema(ctx)
	}
	return s.Migrate(ctx)
}

// with opens an existing database, migrates it, calls do and closes the database. It is for the
// commands that find something in the database: they never create one.
func (f *databaseFlags) with(ctx context.Context, do func(s *store.Store) error) error {
	return f.withStore(func(s *store.Store) error {
		if err := s.CheckExists(ctx); err != nil {
			return err
		}
		if err := f.migrate(ctx, s); err != nil {
			return err
		}
		return do(s)
	})
}

// withNew is like with, but creates the database if it does not exist.
func (f *databaseFlags) withNew(ctx context.Context, do func(s *store.Store) error) error {
	return f.withStore(func(s *store.Store) error {
		if err := f.migrate(ctx, s); err != nil {
			return err
		}
		return do(s)
	})
}

// withStore opens the database, calls do, closes the database and explains what failed.
func (f *databaseFlags) withStore(do func(s *store.Store) error) (err error) {
	s, err := f.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	err = do(s)
	if errors.Is(err, store.ErrName) || errors.Is(err, store.ErrRetention) {
		return usageError{err} // an argument that only the store checks
	}
	if advice := f.advice(err, s); advice != "" {
		return fmt.Errorf("%w\n%s", err, advice)
	}
	return err
}

// advice returns what to do about an error of the database, or "".
func (f *databaseFlags) advice(err error, s *store.Store) string {
	isFile := s.Driver() == "sqlite"
	switch {
	case errors.Is(err, store.ErrNoDatabase) && f.embedded():
		return "DATABASE_URL is not set, so this is ackbox.db in the working folder: " +
			"change to the folder of ackbox serve, or set DATABASE_URL"
	case errors.Is(err, store.ErrNoDatabase):
		return "Check DATABASE_URL; to create the database, run ackbox migrate"
	case errors.Is(err, store.ErrOutdated):
		return "Run ackbox migrate, or omit --no-migrate and ACKBOX_NO_MIGRATE"
	case store.IsAdvised(err):
		return ""
	case errors.Is(err, store.ErrUnavailable) && isFile:
		return "Check that the user that runs ackbox can read and write the file in DATABASE_URL and " +
			"its folder, and that the disk has room"
	case errors.Is(err, store.ErrUnavailable):
		return "Check that the database runs and that DATABASE_URL points at it"
	}
	return ""
}

// migrateCmd is the command migrate.
type migrateCmd struct {
	Database databaseFlags `embed:""`
}

// Run implements the command.
func (c *migrateCmd) Run(ctx context.Context, t terminal) error {
	if c.Database.NoMigrate {
		return usageError{
			errors.New("migrate does nothing with --no-migrate or ACKBOX_NO_MIGRATE: omit it"),
		}
	}
	return c.Database.withNew(ctx, func(s *store.Store) error {
		health, err := s.Health(ctx)
		if err != nil {
			return err
		}
		t.say("the %s database has schema version %d; this binary needs %d",
			s.Driver(), health.Have, health.Want)
		return nil
	})
}
