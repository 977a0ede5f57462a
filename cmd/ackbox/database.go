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

// migrate migrates the schema, unless the flags forbid it.
func (f *databaseFlags) migrate(ctx context.Context, s *store.Store) error {
	if f.NoMigrate {
		return nil
	}
	return s.Migrate(ctx)
}

// with opens the database, migrates it, calls do and closes the database.
func (f *databaseFlags) with(ctx context.Context, do func(s *store.Store) error) (err error) {
	s, err := f.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := f.migrate(ctx, s); err != nil {
		return explain(err)
	}
	return explain(do(s))
}

// explain adds advice to the error of a database that is unavailable.
func explain(err error) error {
	if errors.Is(err, store.ErrUnavailable) {
		return fmt.Errorf("%w\nCheck that the database runs and that DATABASE_URL points at it", err)
	}
	return err
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
	return c.Database.with(ctx, func(s *store.Store) error {
		health, err := s.Health(ctx)
		if err != nil {
			return err
		}
		t.say("the %s database has schema version %d; this binary needs %d",
			s.Driver(), health.Have, health.Want)
		return nil
	})
}
