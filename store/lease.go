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
}

// TakeLease takes over an active destination that nobody owns. It returns false if somebody does, or
// if the destination is not active. The time is that of the database, so that the clocks of the
// processes do not matter.
func (s *Store) TakeLease(ctx context.Context, destination int64) (lease Lease, ok bool, err error) {
	lease = Lease{Destination: destination, owner: s.process}
	err = s.inTx(ctx, func(tx *sqlx.Tx) error {
		return tx.GetContext(ctx, &lease.Epoch, tx.Rebind(`
			update destination_state set epoch = epoch + 1, lease_owner = ?, lease_until = `+s.inTime()+`
			where destination_id = ? and (lease_until is null or lease_until < `+s.databaseTime()+`)
				and exists (select 1 from destinations d where d.id = destination_id and d.state = ?)
			returning epoch`), s.process, LeaseTime.Seconds(), destination, Active)
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
		if err := fence(ctx, tx, lease, `lease_until = `+s.inTime(), LeaseTime.Seconds()); err != nil {
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

// ReturnLease ends a lease, so that another process need not wait for its end.
func (s *Store) ReturnLease(ctx context.Context, lease Lease) error {
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		return fence(ctx, tx, lease, `lease_until = null, lease_owner = ''`)
	})
	if err != nil {
		return fmt.Errorf("return lease: %w", err)
	}
	return nil
}

// fence changes the state of a destination, unless the lease is another's.
func fence(ctx context.Context, tx *sqlx.Tx, lease Lease, set string, args ...any) error {
	result, err := tx.ExecContext(ctx, tx.Rebind(`update destination_state set `+set+`
		where destination_id = ? and epoch = ? and lease_owner = ?`),
		append(args, lease.Destination, lease.Epoch, lease.owner)...)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, ErrLeaseLost)
	}
	return nil
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
