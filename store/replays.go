package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"ackbox/query"
)

// ReplayState is whether a replay still runs. Its values are stored.
type ReplayState int16

// The states of a replay.
const (
	ReplayRunning   ReplayState = 1
	ReplayDone      ReplayState = 2
	ReplayCancelled ReplayState = 3
)

var replayStates = enum[ReplayState]{"state of a replay", []string{"", "running", "done", "cancelled"}}

// String returns the name of the state, as it is in JSON and on the command line.
func (s ReplayState) String() string { return replayStates.name(s) }

// MarshalText implements [encoding.TextMarshaler].
func (s ReplayState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Selection is what a replay sends: what all of its parts select.
type Selection struct {
	Source string    `json:"source,omitempty"`
	Object string    `json:"object,omitempty"`
	Record string    `json:"record,omitempty"`
	Since  time.Time `json:"since,omitzero"`
	Until  time.Time `json:"until,omitzero"`
	// Query is in the language of package query.
	Query string `json:"query,omitempty"`
}

// Filter returns the filter for the notifications after an id. Times in the query are before now.
func (s *Selection) Filter(after int64, now time.Time) (NotificationFilter, error) {
	parsed, err := query.Parse(s.Query, now)
	if err == nil {
		err = parsed.Only()
	}
	return NotificationFilter{
		Source: s.Source, Object: s.Object, Record: s.Record, Since: s.Since, Until: s.Until,
		After: after, Query: parsed,
	}, err
}

// Replay is a second, bounded cursor of a destination: it sends again what was stored.
type Replay struct {
	ID          int64
	Destination int64
	Selection   Selection
	// From and To bound the ids: those after From, up to To.
	From, To int64
	Cursor   int64
	Rate     int // events a second at most, 0 is no limit
	// Total is how many were counted beforehand.
	Total                                int64
	Delivered, Filtered, Skipped, Failed int64
	State                                ReplayState
	Reason                               string
	// By is who asked for it.
	By        string
	CreatedAt time.Time
	EndedAt   *time.Time
}

const selectReplays = `
	select r.id, r.destination_id, r.selection, r.from_id, r.to_id, r.cursor_id, r.rate, r.total,
		r.delivered, r.filtered, r.skipped, r.failed, r.state, r.reason, r.created_by, r.created_at, r.ended_at
	from replays r`

// replayRow is a replay as it is stored.
type replayRow struct {
	ID          int64       `db:"id"`
	Destination int64       `db:"destination_id"`
	Selection   []byte      `db:"selection"`
	From        int64       `db:"from_id"`
	To          int64       `db:"to_id"`
	Cursor      int64       `db:"cursor_id"`
	Rate        int         `db:"rate"`
	Total       int64       `db:"total"`
	Delivered   int64       `db:"delivered"`
	Filtered    int64       `db:"filtered"`
	Skipped     int64       `db:"skipped"`
	Failed      int64       `db:"failed"`
	State       ReplayState `db:"state"`
	Reason      string      `db:"reason"`
	By          string      `db:"created_by"`
	CreatedAt   timestamp   `db:"created_at"`
	EndedAt     *timestamp  `db:"ended_at"`
}

func (r *replayRow) replay() (Replay, error) {
	found := Replay{
		ID: r.ID, Destination: r.Destination, From: r.From, To: r.To, Cursor: r.Cursor, Rate: r.Rate,
		Total: r.Total, Delivered: r.Delivered, Filtered: r.Filtered, Skipped: r.Skipped, Failed: r.Failed,
		State: r.State, Reason: r.Reason, By: r.By, CreatedAt: r.CreatedAt.Time, EndedAt: r.EndedAt.pointer(),
	}
	return found, json.Unmarshal(r.Selection, &found.Selection)
}

func readReplays(ctx context.Context, db sqlx.ExtContext, where string, args ...any) ([]Replay, error) {
	var rows []replayRow
	if err := sqlx.SelectContext(ctx, db, &rows, db.Rebind(selectReplays+where), args...); err != nil {
		return nil, err
	}
	found := make([]Replay, len(rows))
	for i := range rows {
		var err error
		if found[i], err = rows[i].replay(); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// Replays returns the replays of a destination, the newest first.
func (s *Store) Replays(ctx context.Context, destination int64) ([]Replay, error) {
	return s.replays(ctx, ` where r.destination_id = ? order by r.id desc`, destination)
}

// RunningReplays returns the replays of a destination that have not ended, the oldest first.
func (s *Store) RunningReplays(ctx context.Context, destination int64) ([]Replay, error) {
	return s.replays(ctx, ` where r.destination_id = ? and r.state = ? order by r.id`, destination, ReplayRunning)
}

// Replay returns the replay with that id, or [ErrNotFound].
func (s *Store) Replay(ctx context.Context, id int64) (Replay, error) {
	found, err := s.replays(ctx, ` where r.id = ?`, id)
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("replay %d: %w", id, ErrNotFound)
	}
	if err != nil {
		return Replay{}, err
	}
	return found[0], nil
}

func (s *Store) replays(ctx context.Context, where string, args ...any) ([]Replay, error) {
	var found []Replay
	err := s.await(ctx, func() error {
		read, err := readReplays(ctx, s.read, where, args...)
		found = read
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read replays: %w", err)
	}
	return found, nil
}

// AddReplay begins a replay at the destination with that name, with the selection, bounds, rate and
// total of r, asked for by somebody. A replay that was added with the same key is returned instead of
// a second one; "" is no key.
func (s *Store) AddReplay(
	ctx context.Context, destination string, r Replay, key string, now time.Time,
) (added Replay, err error) {
	selection, err := json.Marshal(r.Selection)
	if err != nil {
		return Replay{}, fmt.Errorf("add replay: %w", err)
	}
	err = s.changeDestination(ctx, destination, func(tx *sqlx.Tx, d Destination) error {
		var id int64
		err := tx.GetContext(ctx, &id, tx.Rebind(`
			insert into replays (destination_id, selection, from_id, to_id, cursor_id, rate, total, state,
				created_by, idempotency_key, created_at)
			values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			on conflict (idempotency_key) do nothing returning id`),
			d.ID, string(selection), r.From, r.To, r.From, r.Rate, r.Total, ReplayRunning, r.By,
			sql.NullString{String: key, Valid: key != ""}, timestamp{now})
		where, arg := ` where r.id = ?`, any(id)
		if errors.Is(err, sql.ErrNoRows) {
			where, arg, err = ` where r.idempotency_key = ?`, key, nil
		}
		if err != nil {
			return err
		}
		found, err := readReplays(ctx, tx, where, arg)
		if err == nil && len(found) == 1 {
			added = found[0]
		}
		return err
	})
	if err != nil {
		return Replay{}, fmt.Errorf("replay to destination %q: %w", destination, err)
	}
	return added, nil
}

// CancelReplay ends a replay that runs. What is being sent is finished.
func (s *Store) CancelReplay(ctx context.Context, id int64, reason string, now time.Time) error {
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		var destination int64
		err := tx.GetContext(ctx, &destination, tx.Rebind(`
			update replays set state = ?, reason = ?, ended_at = ? where id = ? and state = ?
			returning destination_id`), ReplayCancelled, reason, timestamp{now}, id, ReplayRunning)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err == nil {
			_, err = tx.ExecContext(ctx, tx.Rebind(
				`update destinations set generation = generation + 1 where id = ?`), destination)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("cancel replay %d: %w", id, err)
	}
	return nil
}

// replaySpan is how many ids a page of a replay is of: however few are selected, a page is short.
const replaySpan = 10_000

// ReplayPage returns up to limit notifications that a replay selects after an id, and the cursor
// after them. There may be none, and more after that; at the end the cursor is the replay's bound.
func (s *Store) ReplayPage(
	ctx context.Context, r *Replay, after int64, limit int,
) (found []Notification, next int64, err error) {
	filter, err := r.Selection.Filter(after, r.CreatedAt)
	if err != nil {
		return nil, 0, fmt.Errorf("read replay %d: %w", r.ID, err)
	}
	end := min(r.To, after+replaySpan)
	var p page[Notification]
	err = s.await(ctx, func() error {
		where, err := s.notificationConditions(ctx, filter)
		if err != nil {
			return err
		}
		where = where.with("n.id > ?", after).with("n.id <= ?", end)
		read, err := s.notificationPage(ctx, s.read, where, limit)
		if err == nil {
			err = new(revisions).number(&read, where, s.ranking(ctx, s.read))
		}
		p = read
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read replay %d: %w", r.ID, s.failure(err))
	}
	for i := range p.items {
		if len(filter.Query.Terms) == 0 || filter.Query.Match(p.items[i].subject()) {
			found = append(found, p.items[i])
		}
	}
	if p.more {
		return found, p.last, nil
	}
	return found, end, nil
}

// putReplayProgress writes how far a replay is, unless it was cancelled, and settles the exceptions
// that it has delivered.
func putReplayProgress(
	ctx context.Context, tx *sqlx.Tx, destination int64, p *ReplayProgress, now time.Time,
) error {
	state, ended := ReplayRunning, any(nil)
	if p.Done {
		state, ended = ReplayDone, timestamp{now}
	}
	_, err := tx.ExecContext(ctx, tx.Rebind(`
		update replays set cursor_id = ?, delivered = delivered + ?, filtered = filtered + ?,
			skipped = skipped + ?, failed = failed + ?,
			state = case state when ? then ? else state end, ended_at = coalesce(ended_at, ?)
		where id = ? and destination_id = ?`),
		p.Cursor, p.Delivered, p.Filtered, p.Skipped, p.Failed, ReplayRunning, state, ended,
		p.Replay, destination)
	for ids := p.Settled; err == nil && len(ids) > 0; {
		n := min(len(ids), 100) // SQLite has a limit of parameters
		list := make([]any, n)
		for i := range list {
			list[i] = ids[i]
		}
		where := conditions{}.with("destination_id = ?", destination).
			with("state in (?, ?, ?)", Dead, Skipped, Cancelled).and(withIDs("notification_id", list))
		_, err = tx.ExecContext(ctx, tx.Rebind(`update deliveries set state = ?, settled_at = ? where `+where.sql()),
			append([]any{Delivered, timestamp{now}}, where.args...)...)
		ids = ids[n:]
	}
	return err
}

// OpenAmong returns those of the notifications that have a delivery which is still to come.
func (s *Store) OpenAmong(ctx context.Context, destination int64, ids []int64) (map[int64]bool, error) {
	open := map[int64]bool{}
	for len(ids) > 0 {
		n := min(len(ids), 500) // SQLite has a limit of parameters
		list := make([]any, n)
		for i := range list {
			list[i] = ids[i]
		}
		where := conditions{}.with("destination_id = ?", destination).
			with("state in (?, ?)", Retry, Held).and(withIDs("notification_id", list))
		found, err := s.deliveries(ctx, where.sql(), where.args...)
		if err != nil {
			return nil, err
		}
		for _, d := range found {
			open[d.NotificationID] = true
		}
		ids = ids[n:]
	}
	return open, nil
}

// CountDeliveries returns how many deliveries of a destination are in a state.
func (s *Store) CountDeliveries(ctx context.Context, destination int64, state DeliveryState) (int64, error) {
	var n int64
	err := s.await(ctx, func() error {
		var found int64
		err := s.read.GetContext(ctx, &found, s.read.Rebind(
			`select count(*) from deliveries where destination_id = ? and state = ?`), destination, state)
		n = found
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("count deliveries: %w", err)
	}
	return n, nil
}
