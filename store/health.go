package store

import (
	"context"
	"fmt"
)

// Health is the state of a database that answers.
type Health struct {
	// Have is the number of the newest migration in the database, Want that of the newest in this
	// binary. Have may be higher.
	Have, Want int64
	// Warnings are sentences for the operator. They disclose nothing that only an operator may
	// know.
	Warnings []string
}

// Health returns the state of the database. An error means that the database cannot be used now.
func (s *Store) Health(ctx context.Context) (Health, error) {
	var health Health
	err := s.await(ctx, func() (err error) {
		health, err = s.health(ctx)
		return err
	})
	if err != nil {
		return Health{}, fmt.Errorf("check database: %w", err)
	}
	return health, nil
}

func (s *Store) health(ctx context.Context) (health Health, err error) {
	if health.Want, err = wantedVersion(s.driver); err != nil {
		return Health{}, err
	}
	if health.Have, err = s.version(ctx, s.read); err != nil {
		return Health{}, err
	}
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
	if s.driver == driverPostgres { // on SQLite this package sets them
		warnings, err := s.unsafeSettings(ctx)
		return Health{health.Have, health.Want, append(warnings, health.Warnings...)}, err
	}
	return health, nil
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
