package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// LeaseTime is how long a lease lasts unless it is renewed.
const LeaseTime = 15 * time.Second

// ErrLeaseLost means that another process has taken a destination over, or that it was removed:
// nothing was settled, and nothing more may be sent.
var ErrLeaseLost = errors.New("another process owns the destination")

// Lease is the right of one process to deliver to a destination, for a time.
type Lease struct {
	Destination int64
	// Epoch is higher with each owner. What an earlier owner settles has no effect.
	Epoch int64
	owner string
	// server is the start of the server of PostgreSQL. On another one, ids may have been taken back
	// that the owner has read, so that its cursor would be too high.
	server string
}

// TakeLease takes over an active destination that no other process owns. It returns false if one
// does, or if the destination is not active. The time is that of the database, so that the clocks of
// the processes do not matter.
func (s *Store) TakeLease(ctx context.Context, destination int64) (lease Lease, ok bool, err error) {
	lease = Lease{Destination: destination, owner: s.process}
	err = s.inTx(ctx, func(tx *sqlx.Tx) error {
		return tx.QueryRowxContext(ctx, tx.Rebind(`
			update destination_state set epoch = epoch + 1, lease_owner = ?, lease_until = `+s.inTime()+`
			where destination_id = ?
				and (lease_until is null or lease_until < `+s.databaseTime()+` or lease_owner = ?)
				and exists (select 1 from destinations d where d.id = destination_id and d.state = ?)
			returning epoch, `+s.serverStart()),
			s.process, LeaseTime.Seconds(), destination, s.process, Active).Scan(&lease.Epoch, &lease.server)
	})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Lease{}, false, nil
	case err != nil:
		return Lease{}, false, fmt.Errorf("take over destination: %w", err)
	}
	return lease, true, nil
}

// RenewLease makes a lease last for [LeaseTime] from now on, and returns the generation of the
// destination and whether it is still active. It returns [ErrLeaseLost] if another has the lease.
func (s *Store) RenewLease(ctx context.Context, lease Lease) (generation int64, active bool, err error) {
	var found struct {
		Generation int64            `db:"generation"`
		State      DestinationState `db:"state"`
	}
	err = s.inTx(ctx, func(tx *sqlx.Tx) error {
		if err := s.fence(ctx, tx, lease, `lease_until = `+s.inTime(), LeaseTime.Seconds()); err != nil {
			return err
		}
		return tx.GetContext(ctx, &found, tx.Rebind(
			`select generation, state from destinations where id = ?`), lease.Destination)
	})
	if err != nil {
		return 0, false, fmt.Errorf("renew lease: %w", err)
	}
	return found.Generation, found.State == Active, nil
}

// Generation returns the generation of the destination and whether it is active. It returns
// [ErrLeaseLost] if another has the lease.
func (s *Store) Generation(ctx context.Context, lease Lease) (generation int64, active bool, err error) {
	type row struct {
		Generation int64            `db:"generation"`
		State      DestinationState `db:"state"`
		Epoch      int64            `db:"epoch"`
	}
	var found []row
	err = s.await(ctx, func() error {
		found = nil
		return s.read.SelectContext(ctx, &found, s.read.Rebind(`
			select d.generation, d.state, p.epoch
			from destinations d join destination_state p on p.destination_id = d.id where d.id = ?`),
			lease.Destination)
	})
	if err == nil && (len(found) == 0 || found[0].Epoch != lease.Epoch) {
		err = ErrLeaseLost
	}
	if err != nil {
		return 0, false, fmt.Errorf("read destination: %w", err)
	}
	return found[0].Generation, found[0].State == Active, nil
}

// ReturnLease ends a lease, so that another process need not wait for its end.
func (s *Store) ReturnLease(ctx context.Context, lease Lease) error {
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		return s.fence(ctx, tx, lease, `lease_until = null, lease_owner = ''`)
	})
	if err != nil {
		return fmt.Errorf("return lease: %w", err)
	}
	return nil
}

// fence changes the state of a destination, unless the lease is another's or of another server.
func (s *Store) fence(ctx context.Context, tx *sqlx.Tx, lease Lease, set string, args ...any) error {
	result, err := tx.ExecContext(ctx, tx.Rebind(`update destination_state set `+set+`
		where destination_id = ? and epoch = ? and lease_owner = ? and `+s.serverStart()+` = ?`),
		append(args, lease.Destination, lease.Epoch, lease.owner, lease.server)...)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, ErrLeaseLost)
	}
	return nil
}

// serverStart is the SQL expression for what tells a server, since one of its starts, from others.
func (s *Store) serverStart() string {
	if s.driver == driverPostgres {
		return `pg_postmaster_start_time()::text`
	}
	return `''`
}

// databaseTime is the SQL expression for the present time, by the clock of the database.
func (s *Store) databaseTime() string {
	if s.driver == driverPostgres {
		return `clock_timestamp()`
	}
	return `strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')` // the form of a timestamp
}

// inTime is the SQL expression for a time in the future: it takes the number of seconds until then.
func (s *Store) inTime() string {
	if s.driver == driverPostgres {
		return `clock_timestamp() + make_interval(secs => ?)`
	}
	return `strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', ? || ' seconds')`
}
