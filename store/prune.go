package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// MinRetention is the shortest time for which notifications are kept: Salesforce retries an
// unacknowledged message for 24 hours, and a duplicate is recognized only by what is stored.
const MinRetention = 72 * time.Hour

// Retention is for how long notifications are kept.
type Retention struct {
	// OlderThan is the age from which on they are deleted, unless a destination has not got them yet.
	OlderThan time.Duration
	// AtMost is the age from which on they are deleted in any case; [WaitingRetention] more than
	// OlderThan when 0.
	AtMost time.Duration
}

// WaitingRetention is for how much longer what a destination has not got yet is kept.
const WaitingRetention = 30 * 24 * time.Hour

// Prune deletes the notifications that were received before now-OlderThan, together with what is
// known about their delivery, and the refusals and refusal counts of that time. It returns the
// number of deleted notifications. It calls progress, unless that is nil, with their number so far
// after each transaction that deleted any.
//
// What follows the cursor of a destination or of a replay, and what a destination is to be tried
// with again, stays until it is older than AtMost. Then it is deleted, a span says that the
// destination never got it, and the log warns.
//
// Revisions of one notification are deleted together, once the newest is that old; the oldest ones
// first if they are more than one transaction deletes. Transactions are short, with pauses between
// them, so that what comes in is not delayed. If one fails or the context ends, what the earlier
// ones deleted stays deleted.
//
// If OlderThan is below [MinRetention], Prune deletes nothing and returns [ErrRetention]. If another
// process is pruning, it deletes nothing and returns [ErrPruning].
func (s *Store) Prune(
	ctx context.Context, now time.Time, keep Retention, progress func(deleted int64),
) (deleted int64, err error) {
	if keep.AtMost == 0 {
		keep.AtMost = keep.OlderThan + WaitingRetention
	}
	if keep.OlderThan < MinRetention {
		return 0, fmt.Errorf("prune notifications older than %s: %w", keep.OlderThan, ErrRetention)
	}
	if keep.AtMost < keep.OlderThan {
		return 0, fmt.Errorf("prune: what destinations have not got would be kept for %s, less than the other "+
			"notifications, %s", keep.AtMost, keep.OlderThan)
	}
	unlock, err := s.lockPrune(ctx)
	if err != nil {
		return 0, fmt.Errorf("prune: %w", s.failure(err))
	}
	defer unlock()
	p := pruner{store: s, now: now, before: timestamp{now.Add(-keep.AtMost)}, progress: progress, rows: pruneRows}
	if err := p.expire(ctx); err != nil {
		return p.deleted, fmt.Errorf("prune notifications: %w", s.failure(err))
	}
	p.before = timestamp{now.Add(-keep.OlderThan)}
	if err := p.notifications(ctx); err != nil {
		return p.deleted, fmt.Errorf("prune notifications: %w", s.failure(err))
	}
	if err := p.deliveries(ctx); err != nil {
		return p.deleted, fmt.Errorf("prune deliveries: %w", s.failure(err))
	}
	if err := p.refusals(ctx); err != nil {
		return p.deleted, fmt.Errorf("prune refusals: %w", s.failure(err))
	}
	return p.deleted, nil
}

const (
	// pruneRows is how many rows one transaction deletes at most.
	pruneRows = 2000
	// pruneTime is how long one transaction should take at most: SQLite has one writer.
	pruneTime = 50 * time.Millisecond
	// maxPrunePause is how long a prune pauses after a transaction at most.
	maxPrunePause = time.Second
)

// pruner deletes what is older than a time.
type pruner struct {
	store    *Store
	now      time.Time
	before   timestamp
	progress func(deleted int64) // may be nil
	rows     int                 // how many rows the next transaction deletes at most
	deleted  int64               // number of notifications
}

// notifications goes through the table by id, up to the first range without an old notification:
// those after it are newer, unless a clock was wrong, and then they are deleted later. It looks for
// what can be deleted outside of the transactions that delete. Only a revision that comes in
// meanwhile may be missed: it is then the first one, as if it had come in after the prune.
func (p *pruner) notifications(ctx context.Context) error {
	limit := minPruneRange
	for after := int64(0); ; {
		found, err := p.examine(ctx, after, limit)
		if err != nil {
			return err
		}
		kept, err := p.kept(ctx)
		if err != nil {
			return err
		}
		if err := p.delete(ctx, kept.others(found.rows)); err != nil {
			return err
		}
		switch {
		case found.old == 0, found.last > kept.after:
			return nil
		case len(found.rows) < maxPrunable: // else there may be more in this range
			after = found.last
			limit = min(2*limit, maxPruneRange)
		}
	}
}

func (p *pruner) examine(ctx context.Context, after int64, limit int) (prunable, error) {
	var found prunable
	err := p.store.await(ctx, func() (err error) {
		found, err = p.store.prunable(ctx, after, p.before, limit)
		return err
	})
	if err != nil {
		return prunable{}, err // found may still be written to
	}
	return found, nil
}

// delete deletes notifications in as many transactions as it takes. Rows of one identity are
// adjacent, and are in one transaction unless they are too many.
func (p *pruner) delete(ctx context.Context, rows []rankedRow) error {
	for len(rows) > 0 {
		n := min(len(rows), p.rows)
		for end := n; n < len(rows) && end > 0; end-- {
			if rows[end].revision == 1 {
				n = end
				break
			}
		}
		ids := make([]any, n)
		for i := range ids {
			ids[i] = rows[i].id
		}
		deleted, err := p.deleteNotifications(ctx, ids)
		if err != nil {
			return err
		}
		p.deleted += deleted
		if p.progress != nil && deleted > 0 {
			p.progress(p.deleted)
		}
		rows = rows[n:]
	}
	return nil
}

func (p *pruner) refusals(ctx context.Context) error {
	for {
		deleted, err := p.change(ctx, `
			delete from refusals where id in (
				select id from refusals where refused_at < ? order by id limit ?)`, p.before, p.rows)
		if err != nil {
			return err
		}
		if deleted == 0 {
			break
		}
	}
	_, err := p.change(ctx, `delete from refusal_counts where day < ?`, dayOf(p.before.Time))
	return err
}

// change executes a statement in a transaction of its own, and returns the number of rows that it
// changed. After that it pauses as long as the transaction took, so that another process with the
// same SQLite file gets its turn, and decides how many rows the next transaction may delete.
func (p *pruner) change(ctx context.Context, query string, args ...any) (changed int64, err error) {
	return p.inTx(ctx, func(tx *sqlx.Tx) (int64, error) {
		return affected(tx.ExecContext(ctx, tx.Rebind(query), args...))
	})
}

// affected returns how many rows a statement has changed.
func affected(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
