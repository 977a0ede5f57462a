package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"ackbox/store"
)

// databaseFlags say which database to use.
type databaseFlags struct {
	URL       string `name:"database-url" env:"DATABASE_URL" placeholder:"URL" help:"sqlite:FILE, postgres:// or postgresql://; without it the file ackbox.db in the working folder."`
	NoMigrate bool   `env:"ACKBOX_NO_MIGRATE" help:"Leave the schema as it is."`
}

const embeddedURL = "sqlite:ackbox.db"

// embedded tells whether nobody has said which database to use.
func (f *databaseFlags) embedded() bool { return f.URL == "" }

// errEphemeral is for a Heroku dyno, whose disk is wiped at every restart.
var errEphemeral = errors.New("DATABASE_URL is not set, and this is a Heroku dyno, whose disk is wiped every day: " +
	"add a database with \"heroku addons:create heroku-postgresql:essential-0\"")

// open opens the database without asking it anything.
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

// migrate brings the schema up to date, unless it is to stay as it is.
func (f *databaseFlags) migrate(ctx context.Context, s *store.Store) error {
	if f.NoMigrate {
		return nil
	}
	return s.Migrate(ctx)
}

// with runs do on the database with the current schema.
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

// explain adds what to do to errors of the database.
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
		return usageError{errors.New("migrate with --no-migrate does nothing: leave one of them away")}
	}
	return c.Database.with(ctx, func(s *store.Store) error {
		health, err := s.Health(ctx)
		if err != nil {
			return err
		}
		t.say("the %s database has schema %d; this binary needs %d", s.Driver(), health.Have, health.Want)
		return nil
	})
}
