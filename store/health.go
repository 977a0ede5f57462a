package store

import (
	"context"
	"errors"
	"fmt"
)

// Health is the state of a database.
type Health struct {
	// Answers reports whether the database answered a query.
	Answers bool
	// Have is the number of the newest migration in the database, Want that of the newest in this
	// binary. Have may be higher.
	Have, Want int64
	// Problem says why a batch could not be saved now; it is "" if it could.
	Problem string
	// Warnings are sentences for the operator. Like Problem, they disclose nothing that only an
	// operator may know.
	Warnings []string
}

// Health returns the state of the database: whether a batch could be saved now. That is what became
// of the last save; if that is older than 5 seconds, Health writes a row of its own, at most every 5
// seconds. With an error, which means that nothing can be saved now, Health is as far as it is known.
func (s *Store) Health(ctx context.Context) (Health, error) {
	health, err := s.health(ctx)
	if err == nil && health.Have >= health.Want {
		err = s.checkWrite(ctx)
	}
	switch {
	case err != nil:
		health.Problem = problem(err)
		return health, fmt.Errorf("check database: %w", err)
	case health.Have < health.Want:
		health.Problem = errOutdated.Error()
	}
	return health, nil
}

// health reads the state.
func (s *Store) health(ctx context.Context) (Health, error) {
	var read Health
	err := s.await(ctx, func() (err error) {
		read, err = s.readHealth(ctx)
		return err
	})
	if err != nil && !errors.Is(err, errEncoding) {
		return Health{}, err // what was read may still be written to
	}
	return read, err
}

func (s *Store) readHealth(ctx context.Context) (health Health, err error) {
	if health.Want, err = wantedVersion(s.driver); err != nil {
		return Health{}, err
	}
	if health.Have, err = s.version(ctx, s.read); err != nil {
		return Health{}, err
	}
	health.Answers = true
	if health.Have > 0 {
		var open int
		err := s.read.GetContext(ctx, &open, `
			select count(*) from sources s
			where disabled_at is null
				and not exists (select 1 from source_organizations o where o.source_id = s.id)`)
		if err != nil {
			return Health{}, err
		}
		health.Warnings = openSources(open)
	}
	if s.driver == driverSQLite { // this package sets what follows
		return health, nil
	}
	warnings, err := s.unsafeSettings(ctx)
	health.Warnings = append(warnings, health.Warnings...)
	if err != nil {
		return Health{}, err
	}
	encoding, err := s.encoding(ctx)
	if err != nil {
		return Health{}, err
	}
	return health, encodingError(encoding)
}

// encoding returns the encoding of a PostgreSQL database.
func (s *Store) encoding(ctx context.Context) (encoding string, err error) {
	err = s.read.GetContext(ctx, &encoding, `show server_encoding`)
	return encoding, err
}

func openSources(n int) []string {
	switch n {
	case 0:
		return nil
	case 1:
		return []string{"1 source accepts any organization"}
	}
	return []string{fmt.Sprintf("%d sources accept any organization", n)}
}

// unsafeSettings returns a warning for each setting with which a crash of the server's machine may
// lose what was committed.
func (s *Store) unsafeSettings(ctx context.Context) (warnings []string, err error) {
	var off []string
	err = s.read.SelectContext(ctx, &off, `
		select name from pg_settings
		where name in ('fsync', 'full_page_writes') and setting = 'off' order by name`)
	for _, name := range off {
		warnings = append(warnings,
			name+" is off: a crash of the database's machine may lose acknowledged messages")
	}
	return warnings, err
}
