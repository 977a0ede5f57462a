package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// RemoveDestination ends all that goes on for the destination with that name, at once, however much
// waits: its owner may settle nothing more, what was to be tried again is cancelled, and a span says
// that it never got the rest. Its settings and its secret are deleted. What it has got can still be
// told until that is pruned; its name is free for another one.
func (s *Store) RemoveDestination(ctx context.Context, name string, now time.Time) error {
	err := s.changeDestination(ctx, name, func(tx *sqlx.Tx, d Destination) error {
		var end int64
		if err := tx.GetContext(ctx, &end, `select coalesce(max(id), 0) from notifications`); err != nil {
			return err
		}
		if end > d.Progress.Cursor {
			err := putSpan(ctx, tx, d.ID, Span{
				From: d.Progress.Cursor + 1, To: end, Kind: SpanRemoved, FirstAt: now, LastAt: now,
			})
			if err != nil {
				return err
			}
		}
		for _, change := range []struct {
			query string
			args  []any
		}{
			// A name cannot have a space, so this one is free.
			{`update destinations set name = name || ' ' || id, state = ?, reason = '', settings = '{}', secret = null
				where id = ?`, []any{Removing, d.ID}},
			{`update destination_state set epoch = epoch + 1, lease_owner = '', lease_until = null, last_error = ''
				where destination_id = ?`, []any{d.ID}},
			{`update deliveries set state = ?, next_attempt_at = null, settled_at = ?
				where destination_id = ? and state in (?, ?)`,
				[]any{Cancelled, timestamp{now}, d.ID, Retry, Held}},
			{`update replays set state = ?, reason = 'the destination was removed', ended_at = ?
				where destination_id = ? and state = ?`,
				[]any{ReplayCancelled, timestamp{now}, d.ID, ReplayRunning}},
		} {
			if _, err := tx.ExecContext(ctx, tx.Rebind(change.query), change.args...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("remove destination %q: %w", name, err)
	}
	return nil
}
