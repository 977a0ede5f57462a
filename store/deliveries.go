package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
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

// Settlement is what became of a part of the log, or of exceptions, at a destination.
type Settlement struct {
	// Cursor is the id up to which the log is settled, 0 to leave it where it is.
	Cursor int64
	// Delivered, Filtered and Failed are added to the counts of the destination.
	Delivered, Filtered, Failed int64
	// Succeeded is when the last delivery succeeded, nil if none did.
	Succeeded *time.Time
	// Failures, RetryAt and Error replace those of the destination's progress. Error is kept if it
	// is "".
	Failures int
	RetryAt  *time.Time
	Error    string
	// Deliveries replace those of their notifications.
	Deliveries []Delivery
}

// Settle stores what became of notifications, in one transaction. It returns [ErrLeaseLost], and
// stores nothing, if the lease is not the destination's.
func (s *Store) Settle(ctx context.Context, lease Lease, done Settlement) error {
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		set := []string{
			"delivered = delivered + ?", "filtered = filtered + ?", "failed = failed + ?",
			"breaker_failures = ?", "breaker_until = ?",
		}
		args := []any{
			done.Delivered, done.Filtered, done.Failed, done.Failures, timestampOrNull(done.RetryAt),
		}
		add := func(column string, value any) {
			set, args = append(set, column+" = ?"), append(args, value)
		}
		if done.Cursor != 0 {
			add("cursor_id", done.Cursor)
		}
		if done.Error != "" {
			add("last_error", done.Error)
		}
		if done.Succeeded != nil {
			add("last_success_at", timestamp{*done.Succeeded})
		}
		if err := fence(ctx, tx, lease, strings.Join(set, ", "), args...); err != nil {
			return err
		}
		for i := range done.Deliveries {
			if err := putDelivery(ctx, tx, lease.Destination, &done.Deliveries[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("settle deliveries: %w", err)
	}
	return nil
}

func putDelivery(ctx context.Context, tx *sqlx.Tx, destination int64, d *Delivery) error {
	_, err := tx.ExecContext(ctx, tx.Rebind(`
		insert into deliveries (destination_id, notification_id, record_key, state, attempts, since,
			next_attempt_at, last_status, last_error, settled_at)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		on conflict (destination_id, notification_id) do update
		set state = excluded.state, attempts = excluded.attempts,
			next_attempt_at = excluded.next_attempt_at, last_status = excluded.last_status,
			last_error = excluded.last_error, settled_at = excluded.settled_at`),
		destination, d.NotificationID, d.Record, d.State, d.Attempts, timestamp{d.Since},
		timestampOrNull(d.NextAttemptAt), d.LastStatus, d.LastError, timestampOrNull(d.SettledAt))
	return err
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
	return s.deliveries(ctx, where.sql()+` order by notification_id limit ?`,
		append(where.args, f.Limit)...)
}

// OpenDeliveries counts the deliveries of a destination that will be tried again.
func (s *Store) OpenDeliveries(ctx context.Context, destination int64) (n int, err error) {
	err = s.await(ctx, func() error {
		var found int
		err := s.read.GetContext(ctx, &found, s.read.Rebind(`
			select count(*) from deliveries where destination_id = ? and state in (?, ?)`),
			destination, Retry, Held)
		n = found
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("count deliveries: %w", err)
	}
	return n, nil
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
