package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// ReviveDead makes all dead deliveries of the destination with that name due, and returns their
// number. With an order by record, those of one record are due one after the other.
func (s *Store) ReviveDead(ctx context.Context, destination string, now time.Time) (revived int64, err error) {
	err = s.changeDestination(ctx, destination, func(tx *sqlx.Tx, d Destination) error {
		result, err := tx.ExecContext(ctx, tx.Rebind(`
			update deliveries set state = ?, since = ?, next_attempt_at = null, settled_at = null
			where destination_id = ? and state = ?`), Held, timestamp{now}, d.ID, Dead)
		if err != nil {
			return err
		}
		if revived, err = result.RowsAffected(); err != nil {
			return err
		}
		return freeAll(ctx, tx, d)
	})
	if err != nil {
		return 0, fmt.Errorf("revive dead deliveries of destination %q: %w", destination, err)
	}
	return revived, nil
}

// freeAll makes all held deliveries due that need not wait for another one.
func freeAll(ctx context.Context, tx *sqlx.Tx, d Destination) error {
	query := `update deliveries set state = ?, next_attempt_at = since where destination_id = ? and state = ?`
	args := []any{Retry, d.ID, Held}
	if d.Ordering != OrderNone {
		query += `
			and not exists (
				select 1 from deliveries e
				where e.destination_id = deliveries.destination_id and e.record_key = deliveries.record_key
					and (e.state = ? or e.state = ? and e.notification_id < deliveries.notification_id))`
		args = append(args, Retry, Held)
	}
	_, err := tx.ExecContext(ctx, tx.Rebind(query), args...)
	return err
}

// FreeHeld makes all held deliveries of a destination due that need not wait for another one: for
// those behind one that was deleted.
func (s *Store) FreeHeld(ctx context.Context, lease Lease, d Destination) error {
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		if err := s.fence(ctx, tx, lease, `epoch = epoch`); err != nil {
			return err
		}
		return freeAll(ctx, tx, d)
	})
	if err != nil {
		return fmt.Errorf("free deliveries: %w", err)
	}
	return nil
}
