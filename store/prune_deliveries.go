package store

import (
	"context"
	"math"
	"time"

	"github.com/jmoiron/sqlx"
)

// kept is what must not be pruned yet.
type kept struct {
	after int64          // what follows this id is still to be delivered
	open  map[int64]bool // notifications that are exceptions, still to be delivered
}

// kept returns what destinations and replays have not got yet.
func (p *pruner) kept(ctx context.Context) (kept, error) {
	var k kept
	err := p.store.await(ctx, func() error {
		after := int64(math.MaxInt64)
		err := p.store.read.GetContext(ctx, &after, p.store.read.Rebind(`
			select coalesce(min(c.cursor_id), ?) from (
				select s.cursor_id from destination_state s join destinations d on d.id = s.destination_id
				where d.state <> ?
				union all
				select cursor_id from replays where state = ?) c`), int64(math.MaxInt64), Removing, ReplayRunning)
		if err != nil {
			return err
		}
		var ids []int64
		err = p.store.read.SelectContext(ctx, &ids, p.store.read.Rebind(
			`select distinct notification_id from deliveries where state in (?, ?)`), Retry, Held)
		open := make(map[int64]bool, len(ids))
		for _, id := range ids {
			open[id] = true
		}
		k = kept{after, open}
		return err
	})
	return k, err
}

// others returns the rows of the identities of which nothing is kept. Rows of one identity are
// adjacent, the first revision first.
func (k *kept) others(rows []rankedRow) []rankedRow {
	var free []rankedRow
	for len(rows) > 0 {
		end := 1
		for end < len(rows) && rows[end].revision != 1 {
			end++
		}
		if !k.any(rows[:end]) {
			free = append(free, rows[:end]...)
		}
		rows = rows[end:]
	}
	return free
}

func (k *kept) any(rows []rankedRow) bool {
	for _, r := range rows {
		if r.id > k.after || k.open[r.id] {
			return true
		}
	}
	return false
}

// deleteNotifications deletes notifications, and what is known about their delivery. What has become
// one that must be kept since that was looked for stays.
func (p *pruner) deleteNotifications(ctx context.Context, ids []any) (deleted int64, err error) {
	return p.inTx(ctx, func(tx *sqlx.Tx) (int64, error) {
		where := withIDs("id", ids).with(`id <= (
			select coalesce(min(s.cursor_id), notifications.id)
			from destination_state s join destinations d on d.id = s.destination_id where d.state <> ?)`, Removing).
			with(`not exists (
				select 1 from deliveries o where o.notification_id = notifications.id and o.state in (?, ?))`,
				Retry, Held)
		deleted, err := affected(tx.ExecContext(ctx, tx.Rebind(`delete from notifications where `+where.sql()),
			where.args...))
		if err != nil {
			return 0, err
		}
		var destinations []int64
		if err := tx.SelectContext(ctx, &destinations, `select id from destinations`); err != nil {
			return 0, err
		}
		for _, id := range destinations {
			for _, table := range []string{"delivery_attempts", "deliveries"} {
				where := conditions{}.with("destination_id = ?", id).and(withIDs("notification_id", ids)).
					with(`not exists (select 1 from notifications n where n.id = ` + table + `.notification_id)`)
				_, err := tx.ExecContext(ctx, tx.Rebind(`delete from `+table+` where `+where.sql()), where.args...)
				if err != nil {
					return 0, err
				}
			}
		}
		return deleted, nil
	})
}

// expire gives up what destinations have not got, as far as it is too old to be kept for them.
func (p *pruner) expire(ctx context.Context) error {
	destinations, err := p.store.Destinations(ctx)
	if err != nil {
		return err
	}
	for _, d := range destinations {
		last, err := p.lastOlder(ctx, d.Progress.Cursor)
		if err == nil && last > d.Progress.Cursor {
			err = p.expireLog(ctx, d, last)
		}
		if err != nil {
			return err
		}
	}
	if _, err := p.change(ctx, `
		update replays set state = ?, reason = 'its notifications were pruned', ended_at = ?
		where state = ? and created_at < ?`, ReplayCancelled, timestamp{p.now}, ReplayRunning, p.before); err != nil {
		return err
	}
	cancelled, err := p.change(ctx, `
		update deliveries set state = ?, last_error = 'too old: the notification was pruned',
			next_attempt_at = null, settled_at = ?
		where state in (?, ?) and exists (
			select 1 from notifications n where n.id = deliveries.notification_id and n.received_at < ?)`,
		Cancelled, timestamp{p.now}, Retry, Held, p.before)
	if err == nil && cancelled > 0 {
		p.store.log.Warn("deliveries given up, their notifications are too old to be kept", "deliveries", cancelled)
	}
	return err
}

// expireRange is how many rows are looked at for the first one that is not too old.
const expireRange = 100_000

// lastOlder returns the last id after a cursor that was received before the limit, up to the first
// range without one, or 0.
func (p *pruner) lastOlder(ctx context.Context, cursor int64) (last int64, err error) {
	for after := cursor; ; {
		var found struct {
			Last  int64 `db:"last"`
			Older int64 `db:"older"`
		}
		err := p.store.await(ctx, func() error {
			return p.store.read.GetContext(ctx, &found, p.store.read.Rebind(`
				select coalesce(max(id), 0) as last,
					coalesce(max(case when received_at < ? then id end), 0) as older
				from (select id, received_at from notifications where id > ? order by id limit ?) part`),
				p.before, after, expireRange)
		})
		if err != nil || found.Older == 0 {
			return last, err
		}
		last, after = found.Older, found.Last
	}
}

// expireLog moves the cursor of a destination past what it never got. Its owner begins anew there.
func (p *pruner) expireLog(ctx context.Context, d Destination, last int64) error {
	var from int64
	_, err := p.inTx(ctx, func(tx *sqlx.Tx) (int64, error) {
		err := tx.GetContext(ctx, &from, tx.Rebind(`
			update destination_state set epoch = epoch + 1, lease_owner = '', lease_until = null
			where destination_id = ? returning cursor_id`), d.ID)
		if err != nil || from >= last {
			return 0, err
		}
		if _, err := tx.ExecContext(ctx, tx.Rebind(
			`update destination_state set cursor_id = ? where destination_id = ?`), last, d.ID); err != nil {
			return 0, err
		}
		return 1, putSpan(ctx, tx, d.ID, Span{
			From: from + 1, To: last, Kind: SpanExpired, FirstAt: p.now, LastAt: p.now,
		})
	})
	if err == nil && from < last {
		p.store.log.Warn("a destination never got what is too old to be kept", "destination", d.Name,
			"state", d.State.String(), "from_id", from+1, "to_id", last)
	}
	return err
}

// deliveries deletes what is left of the delivery of notifications that are not stored any more.
func (p *pruner) deliveries(ctx context.Context) error {
	first := int64(math.MaxInt64)
	err := p.store.await(ctx, func() error {
		return p.store.read.GetContext(ctx, &first, p.store.read.Rebind(
			`select coalesce(min(id), ?) from notifications`), int64(math.MaxInt64))
	})
	if err != nil {
		return err
	}
	for _, change := range []struct {
		query string
		args  []any
	}{
		{`delete from delivery_attempts where notification_id < ?`, []any{first}},
		{`delete from deliveries where notification_id < ? and state not in (?, ?)`, []any{first, Retry, Held}},
		{`delete from delivery_spans where to_id < ? and last_at < ?`, []any{first, p.before}},
		{`delete from record_marks where notification_id < ?`, []any{first}},
		{`delete from replays where ended_at < ?`, []any{p.before}},
		{`delete from destinations where state = ?
			and not exists (select 1 from deliveries l where l.destination_id = destinations.id)
			and not exists (select 1 from delivery_spans s where s.destination_id = destinations.id)`, []any{Removing}},
	} {
		if _, err := p.change(ctx, change.query, change.args...); err != nil {
			return err
		}
	}
	return nil
}

// inTx runs do in a transaction of its own, and then pauses as change does.
func (p *pruner) inTx(ctx context.Context, do func(tx *sqlx.Tx) (changed int64, err error)) (int64, error) {
	var begun time.Time
	var changed int64
	err := p.store.inTx(ctx, func(tx *sqlx.Tx) (err error) {
		begun = time.Now()
		changed, err = do(tx)
		return err
	})
	if err != nil {
		return 0, err // changed may still be written to
	}
	took := time.Since(begun)
	switch {
	case took > pruneTime:
		p.rows = max(p.rows/2, 1)
	case took < pruneTime/2:
		p.rows = min(2*p.rows, pruneRows)
	}
	return changed, pause(ctx, min(took, maxPrunePause))
}
