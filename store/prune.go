package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// MinRetention is how long a notification must be kept: Salesforce sends one that was not acknowledged for 24 hours,
// and a duplicate is only known by what is stored.
const MinRetention = 72 * time.Hour

// pruneBatch is how many ids one transaction of a prune looks at, so that none holds up what comes in.
const pruneBatch = 2000

// Prune drops the notifications that were received before now-olderThan, with the refusals and the counts of them of
// that time, and returns the number of notifications. Revisions of one notification go together, once the newest is as
// old. It works in batches: one that fails leaves what was dropped before. Under [MinRetention] it drops nothing and
// fails with [ErrRetention].
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
		_, err = tx.ExecContext(ctx, tx.Rebind(`delete from refusal_counts where day < ?`), dayOf(before.Time))
		return err
	})
}

// pruneNotifications goes through the table by id, up to the first batch without an old notification: those after it
// are newer still, but for a clock that was wrong, and their turn comes later.
func (s *Store) pruneNotifications(ctx context.Context, before timestamp) (pruned int64, err error) {
	for after := int64(0); ; {
		var batch pruning
		err := s.inTx(ctx, func(tx *sqlx.Tx) (err error) {
			batch, err = prune(ctx, tx, after, before)
			return err
		})
		if err != nil {
			return pruned, err
		}
		pruned += batch.pruned
		if batch.old == 0 {
			return pruned, nil
		}
		after = batch.last
	}
}

// pruning is what became of the ids of a batch.
type pruning struct {
	last   int64 // the highest
	old    int   // how many are old
	pruned int64 // how many were dropped, and revisions of them beyond the batch
}

func prune(ctx context.Context, tx *sqlx.Tx, after int64, before timestamp) (batch pruning, err error) {
	err = tx.QueryRowContext(ctx, tx.Rebind(`
		select coalesce(max(id), 0), coalesce(sum(case when received_at < ? then 1 else 0 end), 0)
		from (select id, received_at from notifications where id > ? order by id limit ?) batch`),
		before, after, pruneBatch).Scan(&batch.last, &batch.old)
	if err != nil || batch.old == 0 {
		return batch, err
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
		after, batch.last, before, before)
	if err != nil {
		return batch, err
	}
	batch.pruned, err = result.RowsAffected()
	return batch, err
}
