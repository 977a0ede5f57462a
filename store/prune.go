package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// MinRetention is the shortest time for which notifications are kept: Salesforce retries an
// unacknowledged message for 24 hours, and a duplicate is recognized only by what is stored.
const MinRetention = 72 * time.Hour

// pruneRows is how many rows one transaction of a prune examines, so that pruning does not delay
// what comes in.
const pruneRows = 2000

// Prune deletes the notifications that were received before now-olderThan, together with the
// refusals and refusal counts of that time, and returns the number of deleted notifications.
// Revisions of one notification are deleted together, once the newest is that old. It works in
// several transactions: if one fails, what the earlier ones deleted stays deleted. If olderThan is
// below [MinRetention], it deletes nothing and returns [ErrRetention].
func (s *Store) Prune(ctx context.Context, now time.Time, olderThan time.Duration) (int64, error) {
	if olderThan < MinRetention {
		return 0, fmt.Errorf("prune notifications older than %s: %w", olderThan, ErrRetention)
	}
	before := timestamp{now.Add(-olderThan)}
	pruned, err := s.pruneNotifications(ctx, before)
	if err != nil {
		return pruned, fmt.Errorf("prune notifications: %w", err)
	}
	if err := s.pruneRefusals(ctx, before); err != nil {
		return pruned, fmt.Errorf("prune refusals: %w", err)
	}
	return pruned, nil
}

func (s *Store) pruneRefusals(ctx context.Context, before timestamp) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, tx.Rebind(`delete from refusals where refused_at < ?`), before)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, tx.Rebind(`delete from refusal_counts where day < ?`),
			dayOf(before.Time))
		return err
	})
}

// pruneNotifications goes through the table by id, up to the first range without an old
// notification: those after it are newer, unless a clock was wrong, and then they are deleted
// later.
func (s *Store) pruneNotifications(
	ctx context.Context, before timestamp,
) (pruned int64, err error) {
	for after := int64(0); ; {
		var part prunedRange
		err := s.inTx(ctx, func(tx *sqlx.Tx) (err error) {
			part, err = prune(ctx, tx, after, before)
			return err
		})
		if err != nil {
			return pruned, err
		}
		pruned += part.pruned
		if part.old == 0 {
			return pruned, nil
		}
		after = part.last
	}
}

// prunedRange is the result for one range of ids.
type prunedRange struct {
	last   int64 // the highest id
	old    int   // how many were received before the limit
	pruned int64 // how many were deleted, their revisions beyond the range included
}

func prune(
	ctx context.Context, tx *sqlx.Tx, after int64, before timestamp,
) (part prunedRange, err error) {
	err = tx.QueryRowContext(ctx, tx.Rebind(`
		select coalesce(max(id), 0), coalesce(sum(case when received_at < ? then 1 else 0 end), 0)
		from (select id, received_at from notifications where id > ? order by id limit ?) part`),
		before, after, pruneRows).Scan(&part.last, &part.old)
	if err != nil || part.old == 0 {
		return part, err
	}
	result, err := tx.ExecContext(ctx, tx.Rebind(`
		delete from notifications where id in (
			select r.id
			from notifications n
			join notifications r on r.source_id = n.source_id and r.organization = n.organization
				and r.notification_id = n.notification_id
			where n.id > ? and n.id <= ? and n.received_at < ? and not exists (
				select 1 from notifications k
				where k.source_id = n.source_id and k.organization = n.organization
					and k.notification_id = n.notification_id and k.received_at >= ?))`),
		after, part.last, before, before)
	if err != nil {
		return part, err
	}
	part.pruned, err = result.RowsAffected()
	return part, err
}
