package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// Destination is a system that gets what is stored, beginning at some notification.
type Destination struct {
	ID   int64
	Name string
	// Kind is the way in which it gets the notifications, which defines the settings.
	Kind     string
	Settings json.RawMessage
	// Secret is encrypted.
	Secret   []byte
	Ordering Ordering
	State    DestinationState
	// Reason says why it is not active, in public words.
	Reason string
	// Generation changes with every edit.
	Generation int64
	// Start is the id after which the destination begins.
	Start     int64
	GiveUp    time.Duration
	Rate      int // events a second at most, 0 is no limit
	CreatedAt time.Time
	// Filter is what it wants now.
	Filter DestinationFilter
	// Progress is how far it is.
	Progress Progress
}

// DestinationFilter is what a destination wants. Its zero value is everything.
type DestinationFilter struct {
	Expression string   // "" is true
	Sources    []string // none is all
	Objects    []string // none is all
}

// Progress is how far a destination is.
type Progress struct {
	// Cursor is the id up to which the log is settled: what is not among the exceptions was
	// delivered, or was not wanted.
	Cursor int64
	// Failures is how often in a row the destination itself failed; it is tried again at RetryAt.
	Failures int
	RetryAt  *time.Time
	// LastError is that of the last failure, in public words.
	LastError     string
	LastSuccessAt *time.Time
	Counts
}

// destinationRow is a destination as it is stored.
type destinationRow struct {
	ID            int64            `db:"id"`
	Name          string           `db:"name"`
	Kind          string           `db:"kind"`
	Settings      []byte           `db:"settings"`
	Secret        []byte           `db:"secret"`
	Ordering      Ordering         `db:"ordering"`
	State         DestinationState `db:"state"`
	Reason        string           `db:"reason"`
	Generation    int64            `db:"generation"`
	Start         int64            `db:"start_id"`
	GiveUp        int64            `db:"give_up_seconds"`
	Rate          int              `db:"rate"`
	CreatedAt     timestamp        `db:"created_at"`
	Expression    string           `db:"expression"`
	Sources       []byte           `db:"sources"`
	Objects       []byte           `db:"objects"`
	Cursor        int64            `db:"cursor_id"`
	Failures      int              `db:"breaker_failures"`
	RetryAt       *timestamp       `db:"breaker_until"`
	LastError     string           `db:"last_error"`
	LastSuccessAt *timestamp       `db:"last_success_at"`
	Delivered     int64            `db:"delivered"`
	Filtered      int64            `db:"filtered"`
	Skipped       int64            `db:"skipped"`
	Failed        int64            `db:"failed"`
	Retried       int64            `db:"retried"`
	Dead          int64            `db:"dead"`
	Unmatched     int64            `db:"unmatched"`
}

func (r *destinationRow) destination() (Destination, error) {
	d := Destination{
		ID: r.ID, Name: r.Name, Kind: r.Kind, Settings: r.Settings, Secret: r.Secret,
		Ordering: r.Ordering, State: r.State, Reason: r.Reason, Generation: r.Generation,
		Start: r.Start, GiveUp: time.Duration(r.GiveUp) * time.Second, Rate: r.Rate, CreatedAt: r.CreatedAt.Time,
		Filter: DestinationFilter{Expression: r.Expression},
		Progress: Progress{
			Cursor: r.Cursor, Failures: r.Failures, RetryAt: r.RetryAt.pointer(),
			LastError: r.LastError, LastSuccessAt: r.LastSuccessAt.pointer(),
			Counts: Counts{
				Delivered: r.Delivered, Filtered: r.Filtered, Skipped: r.Skipped, Failed: r.Failed,
				Retried: r.Retried, Dead: r.Dead, Unmatched: r.Unmatched,
			},
		},
	}
	err := errors.Join(json.Unmarshal(r.Sources, &d.Filter.Sources),
		json.Unmarshal(r.Objects, &d.Filter.Objects))
	return d, err
}

const selectDestinations = `
	select d.id, d.name, d.kind, d.settings, d.secret, d.ordering, d.state, d.reason, d.generation,
		d.start_id, d.give_up_seconds, d.rate, d.created_at, f.expression, f.sources, f.objects,
		p.cursor_id, p.breaker_failures, p.breaker_until, p.last_error, p.last_success_at,
		p.delivered, p.filtered, p.skipped, p.failed, p.retried, p.dead, p.unmatched
	from destinations d
	join destination_state p on p.destination_id = d.id
	join destination_filters f on f.destination_id = d.id and f.from_id = (
		select max(l.from_id) from destination_filters l where l.destination_id = d.id)
	where d.state <> 3` // Removing

// Destinations returns all destinations, by name.
func (s *Store) Destinations(ctx context.Context) ([]Destination, error) {
	found := []Destination{}
	err := s.await(ctx, func() (err error) {
		found, err = readDestinations(ctx, s.read, selectDestinations+` order by d.name`)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read destinations: %w", err)
	}
	return found, nil
}

// Destination returns the destination with that name, or [ErrNotFound].
func (s *Store) Destination(ctx context.Context, name string) (Destination, error) {
	var found Destination
	err := s.await(ctx, func() (err error) {
		found, err = readDestination(ctx, s.read, name)
		return err
	})
	if err != nil {
		return Destination{}, fmt.Errorf("read destination %q: %w", name, err)
	}
	return found, nil
}

func readDestinations(
	ctx context.Context, db sqlx.ExtContext, query string, args ...any,
) ([]Destination, error) {
	var rows []destinationRow
	if err := sqlx.SelectContext(ctx, db, &rows, db.Rebind(query), args...); err != nil {
		return nil, err
	}
	found := make([]Destination, 0, len(rows))
	for i := range rows {
		d, err := rows[i].destination()
		if err != nil {
			return nil, err
		}
		found = append(found, d)
	}
	return found, nil
}

func readDestination(ctx context.Context, db sqlx.ExtContext, name string) (Destination, error) {
	found, err := readDestinations(ctx, db, selectDestinations+` and d.name = ?`, name)
	switch {
	case err != nil:
		return Destination{}, err
	case len(found) == 0:
		return Destination{}, ErrNotFound
	}
	return found[0], nil
}

// AddDestination adds a destination with the name, kind, settings, secret, ordering, start, time to
// give up after and filter of d. It returns [ErrName] if the name is not valid, and [ErrExists] if
// it is taken.
func (s *Store) AddDestination(
	ctx context.Context, d Destination, now time.Time,
) (added Destination, err error) {
	if !sourceName.MatchString(d.Name) {
		return added, fmt.Errorf("add destination %q: %w", d.Name, ErrName)
	}
	err = s.inTx(ctx, func(tx *sqlx.Tx) error {
		id, err := insertDestination(ctx, tx, d, now)
		if err == nil {
			err = insertFilter(ctx, tx, id, d.Start, d.Filter)
		}
		if err == nil {
			_, err = tx.ExecContext(ctx, tx.Rebind(
				`insert into destination_state (destination_id, cursor_id) values (?, ?)`), id, d.Start)
		}
		if err != nil {
			return err
		}
		added, err = readDestination(ctx, tx, d.Name)
		return err
	})
	if err != nil {
		return Destination{}, fmt.Errorf("add destination %q: %w", d.Name, err)
	}
	return added, nil
}

func insertDestination(
	ctx context.Context, tx *sqlx.Tx, d Destination, now time.Time,
) (id int64, err error) {
	settings := string(d.Settings)
	if settings == "" {
		settings = "{}"
	}
	err = tx.GetContext(ctx, &id, tx.Rebind(`
		insert into destinations (name, kind, settings, secret, ordering, state, start_id,
			give_up_seconds, rate, created_at)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		on conflict (name) do nothing returning id`),
		d.Name, d.Kind, settings, d.Secret, d.Ordering, Active, d.Start,
		int64(d.GiveUp/time.Second), d.Rate, timestamp{now})
	if errors.Is(err, sql.ErrNoRows) {
		return 0, ErrExists
	}
	return id, err
}

// insertFilter makes a filter count from an id on.
func insertFilter(
	ctx context.Context, tx *sqlx.Tx, destination, from int64, f DestinationFilter,
) error {
	sources, err := json.Marshal(append([]string{}, f.Sources...))
	if err != nil {
		return err
	}
	objects, err := json.Marshal(append([]string{}, f.Objects...))
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, tx.Rebind(`
		insert into destination_filters (destination_id, from_id, expression, sources, objects)
		values (?, ?, ?, ?, ?)
		on conflict (destination_id, from_id) do update
		set expression = excluded.expression, sources = excluded.sources, objects = excluded.objects`),
		destination, from, f.Expression, string(sources), string(objects))
	return err
}

// EditDestination changes settings, secret, ordering, time to give up after and filter of the
// destination with that name to what edit makes of them. A filter counts from the cursor on.
func (s *Store) EditDestination(
	ctx context.Context, name string, edit func(d *Destination) error,
) (edited Destination, err error) {
	err = s.changeDestination(ctx, name, func(tx *sqlx.Tx, d Destination) error {
		if err := edit(&d); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, tx.Rebind(`
			update destinations set settings = ?, secret = ?, ordering = ?, give_up_seconds = ?,
				rate = ?
			where id = ?`),
			string(d.Settings), d.Secret, d.Ordering, int64(d.GiveUp/time.Second), d.Rate, d.ID)
		if err == nil {
			err = insertFilter(ctx, tx, d.ID, d.Progress.Cursor, d.Filter)
		}
		if err == nil {
			edited, err = readDestination(ctx, tx, name)
		}
		return err
	})
	if err != nil {
		return Destination{}, fmt.Errorf("edit destination %q: %w", name, err)
	}
	return edited, nil
}

// SetDestinationState makes the destination with that name active, paused or disabled, with the
// reason for the latter two.
func (s *Store) SetDestinationState(
	ctx context.Context, name string, state DestinationState, reason string,
) error {
	err := s.changeDestination(ctx, name, func(tx *sqlx.Tx, d Destination) error {
		return setDestinationState(ctx, tx, d.ID, state, reason)
	})
	if err != nil {
		return fmt.Errorf("make destination %q %s: %w", name, state, err)
	}
	return nil
}

func setDestinationState(
	ctx context.Context, tx *sqlx.Tx, id int64, state DestinationState, reason string,
) error {
	_, err := tx.ExecContext(ctx, tx.Rebind(
		`update destinations set state = ?, reason = ?, generation = generation + 1 where id = ?`),
		state, reason, id)
	return err
}

// changeDestination runs change with the destination as it is, which stays so until the commit, and
// raises its generation.
func (s *Store) changeDestination(
	ctx context.Context, name string, change func(tx *sqlx.Tx, d Destination) error,
) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		var id int64
		err := tx.GetContext(ctx, &id, tx.Rebind(
			`update destinations set generation = generation + 1 where name = ? and state <> ? returning id`),
			name, Removing)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		// The cursor must not move before the filter that counts from it is there.
		if _, err = tx.ExecContext(ctx, tx.Rebind(
			`update destination_state set epoch = epoch where destination_id = ?`), id); err != nil {
			return err
		}
		d, err := readDestination(ctx, tx, name)
		if err != nil {
			return err
		}
		return change(tx, d)
	})
}
