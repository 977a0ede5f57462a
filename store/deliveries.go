package store

import (
	"context"
	"fmt"
	"time"
)

// Delivery is an exception: a notification that a destination has not got at the first attempt.
type Delivery struct {
	NotificationID int64
	// Record identifies the record, for the orders that regard it.
	Record   string
	State    DeliveryState
	Attempts int
	// Since is when it failed first, or began to wait.
	Since time.Time
	// NextAttemptAt is not nil in the state [Retry].
	NextAttemptAt *time.Time
	// LastStatus is the status of the last answer, in terms of the kind; 0 without one.
	LastStatus int
	LastError  string
	// SettledAt is when it came into a state that it does not leave by itself.
	SettledAt *time.Time
}

// DueDeliveries returns up to limit deliveries of a destination that are to be tried again by a
// time, those that are due for longest first.
func (s *Store) DueDeliveries(
	ctx context.Context, destination int64, by time.Time, limit int,
) ([]Delivery, error) {
	return s.deliveries(ctx, `destination_id = ? and state = ? and next_attempt_at <= ?
		order by next_attempt_at, notification_id limit ?`, destination, Retry, timestamp{by}, limit)
}

// DeliveryFilter selects deliveries.
type DeliveryFilter struct {
	Destination int64
	// States are those that are stored; none is all of them.
	States []DeliveryState
	// Record is the id of a record as in [NotificationFilter], "" for all.
	Record string
	// After is the id of a notification: only those with a higher one are selected.
	After int64
	Limit int
}

// Deliveries returns the deliveries that a filter selects, in the order of their notifications.
func (s *Store) Deliveries(ctx context.Context, f DeliveryFilter) ([]Delivery, error) {
	where := conditions{}.with("destination_id = ?", f.Destination).with("notification_id > ?", f.After)
	if len(f.States) > 0 {
		states := make([]any, len(f.States))
		for i, state := range f.States {
			states[i] = state
		}
		where = where.and(withIDs("state", states))
	}
	if f.Record != "" {
		ids := withIDs("n.record_id", recordForms(f.Record))
		where = where.with("notification_id in (select n.id from notifications n where "+ids.sql()+")", ids.args...)
	}
	return s.deliveries(ctx, where.sql()+` order by notification_id limit ?`,
		append(where.args, f.Limit)...)
}

// OpenDeliveries returns how many deliveries of a destination are still to come, by record.
func (s *Store) OpenDeliveries(ctx context.Context, destination int64) (map[string]int, error) {
	var rows []struct {
		Record string `db:"record_key"`
		N      int    `db:"n"`
	}
	err := s.await(ctx, func() error {
		rows = nil
		return s.read.SelectContext(ctx, &rows, s.read.Rebind(`
			select record_key, count(*) as n from deliveries
			where destination_id = ? and state in (?, ?) group by record_key`), destination, Retry, Held)
	})
	if err != nil {
		return nil, fmt.Errorf("count deliveries: %w", err)
	}
	open := make(map[string]int, len(rows))
	for _, r := range rows {
		open[r.Record] = r.N
	}
	return open, nil
}

// NextDelivery returns when the next delivery of a destination is to be tried again, nil if none is.
func (s *Store) NextDelivery(ctx context.Context, destination int64) (*time.Time, error) {
	var at *timestamp
	err := s.await(ctx, func() error {
		at = nil
		return s.read.GetContext(ctx, &at, s.read.Rebind(`
			select min(next_attempt_at) from deliveries where destination_id = ? and state = ?`),
			destination, Retry)
	})
	if err != nil {
		return nil, fmt.Errorf("read next delivery: %w", err)
	}
	return at.pointer(), nil
}

func (s *Store) deliveries(ctx context.Context, where string, args ...any) ([]Delivery, error) {
	type row struct {
		NotificationID int64         `db:"notification_id"`
		Record         string        `db:"record_key"`
		State          DeliveryState `db:"state"`
		Attempts       int           `db:"attempts"`
		Since          timestamp     `db:"since"`
		NextAttemptAt  *timestamp    `db:"next_attempt_at"`
		LastStatus     int           `db:"last_status"`
		LastError      string        `db:"last_error"`
		SettledAt      *timestamp    `db:"settled_at"`
	}
	var rows []row
	err := s.await(ctx, func() error {
		var found []row
		err := s.read.SelectContext(ctx, &found, s.read.Rebind(`
			select notification_id, record_key, state, attempts, since, next_attempt_at, last_status,
				last_error, settled_at
			from deliveries where `+where), args...)
		rows = found
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read deliveries: %w", err)
	}
	all := make([]Delivery, len(rows))
	for i, r := range rows {
		all[i] = Delivery{
			NotificationID: r.NotificationID, Record: r.Record, State: r.State, Attempts: r.Attempts,
			Since: r.Since.Time, NextAttemptAt: r.NextAttemptAt.pointer(), LastStatus: r.LastStatus,
			LastError: r.LastError, SettledAt: r.SettledAt.pointer(),
		}
	}
	return all, nil
}

// NotificationsByID returns the notifications with these ids that exist, in the order of the ids.
func (s *Store) NotificationsByID(ctx context.Context, ids []int64) ([]Notification, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	list := make([]any, len(ids))
	for i, id := range ids {
		list[i] = id
	}
	var found []Notification
	where := withIDs("n.id", list)
	var numbers revisions
	err := pages(0, func(n Notification) error {
		found = append(found, n)
		return nil
	}, func(after int64, limit int) (page[Notification], error) {
		p, err := s.notificationPage(ctx, s.read, where.with("n.id > ?", after), limit)
		if err == nil {
			err = numbers.number(&p, where, s.ranking(ctx, s.read))
		}
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("read notifications: %w", s.failure(err))
	}
	return found, nil
}
