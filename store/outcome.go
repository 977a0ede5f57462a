package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Outcome is what became of a notification at a destination.
type Outcome struct {
	Destination string
	State       DeliveryState
	// At is when it came into the state, nil if that is not known. Without a delivery it is when the
	// part of the log was settled that it belongs to, to the minute.
	At *time.Time
	// Delivery is nil unless the notification is or was an exception.
	Delivery *Delivery
	// Reason says why it is cancelled, "" otherwise.
	Reason string
}

// Outcomes returns what became of a notification at each destination, by their names. Those that
// were removed are named with their number. Wanted reports whether a filter, which may be an earlier
// one of the destination, lets the notification through.
func (s *Store) Outcomes(
	ctx context.Context, n *Notification, wanted func(f DestinationFilter) (bool, error),
) ([]Outcome, error) {
	var found []Outcome
	err := s.await(ctx, func() error {
		all, err := s.readOutcomes(ctx, n, wanted)
		found = all
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read outcomes of notification %d: %w", n.ID, err)
	}
	return found, nil
}

// outcomeRow is what is known of a destination and a notification.
type outcomeRow struct {
	ID         int64            `db:"id"`
	Name       string           `db:"name"`
	State      DestinationState `db:"state"`
	Start      int64            `db:"start_id"`
	Cursor     int64            `db:"cursor_id"`
	Expression string           `db:"expression"`
	Sources    []byte           `db:"sources"`
	Objects    []byte           `db:"objects"`
	SpanKind   *SpanKind        `db:"kind"`
	SpanAt     *timestamp       `db:"last_at"`
}

// selectOutcomes takes the id of a notification three times: for the filter that counted for it, and
// for the span that it belongs to.
const selectOutcomes = `
	select d.id, d.name, d.state, d.start_id, p.cursor_id, f.expression, f.sources, f.objects, l.kind, l.last_at
	from destinations d
	join destination_state p on p.destination_id = d.id
	join destination_filters f on f.destination_id = d.id and f.from_id = (
		select coalesce(max(e.from_id), (select min(b.from_id) from destination_filters b where b.destination_id = d.id))
		from destination_filters e where e.destination_id = d.id and e.from_id < ?)
	left join delivery_spans l on l.destination_id = d.id and l.to_id >= ? and l.from_id = (
		select max(s.from_id) from delivery_spans s where s.destination_id = d.id and s.from_id <= ?)
	order by d.name`

func (s *Store) readOutcomes(
	ctx context.Context, n *Notification, wanted func(f DestinationFilter) (bool, error),
) ([]Outcome, error) {
	var rows []outcomeRow
	if err := s.read.SelectContext(ctx, &rows, s.read.Rebind(selectOutcomes), n.ID, n.ID, n.ID); err != nil {
		return nil, err
	}
	all := make([]Outcome, 0, len(rows))
	for i := range rows {
		o, err := s.readOutcome(ctx, &rows[i], n, wanted)
		if err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, nil
}

func (s *Store) readOutcome(
	ctx context.Context, r *outcomeRow, n *Notification, wanted func(f DestinationFilter) (bool, error),
) (Outcome, error) {
	o := Outcome{Destination: r.Name}
	deliveries, err := s.deliveries(ctx, `destination_id = ? and notification_id = ?`, r.ID, n.ID)
	if err != nil {
		return o, err
	}
	if len(deliveries) > 0 {
		d := &deliveries[0]
		o.State, o.Delivery, o.At = d.State, d, d.SettledAt
		if o.At == nil {
			o.At = &d.Since
		}
		if d.State == Cancelled {
			o.Reason = d.LastError
		}
		return o, nil
	}
	return r.outcome(o, n, wanted)
}

// outcome returns the outcome of a notification that is no exception.
func (r *outcomeRow) outcome(
	o Outcome, n *Notification, wanted func(f DestinationFilter) (bool, error),
) (Outcome, error) {
	o.At = r.SpanAt.pointer()
	switch {
	case n.ID <= r.Start:
		o.State, o.At = Before, nil
		return o, nil
	case r.SpanKind != nil && *r.SpanKind == SpanRemoved, n.ID > r.Cursor && r.State == Removing:
		o.State, o.Reason = Cancelled, "the destination was removed before it got there"
		return o, nil
	case r.SpanKind != nil && *r.SpanKind == SpanExpired:
		o.State, o.Reason = Cancelled, "it was too old to be kept until the destination got there"
		return o, nil
	case n.ID > r.Cursor:
		o.State, o.At = Waiting, nil
		return o, nil
	}
	f := DestinationFilter{Expression: r.Expression}
	if err := errors.Join(json.Unmarshal(r.Sources, &f.Sources), json.Unmarshal(r.Objects, &f.Objects)); err != nil {
		return o, err
	}
	matches, err := wanted(f)
	if o.State = Filtered; matches {
		o.State = Delivered
	}
	return o, err
}
