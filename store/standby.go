package store

import (
	"context"

	"github.com/jmoiron/sqlx"
)

// awaitStandby waits until all that was committed before is on the synchronous standby, if there is
// one. What is stored may not be there yet: its server crashed while it waited, or was told to stop
// waiting, by whichever process. A heartbeat is committed only after all of that.
func (s *Store) awaitStandby(ctx context.Context) error {
	if s.driver != driverPostgres {
		return nil
	}
	var names string
	err := s.onConnection(ctx, s.write, func(conn *sqlx.Conn) error {
		return conn.GetContext(ctx, &names, `select current_setting('synchronous_standby_names')`)
	})
	if err != nil {
		return err // names may still be written to
	}
	if names == "" {
		return nil
	}
	return s.heartbeat(ctx, 0)
}
