package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"ackbox/ledger"
)

// Settlement is what became of a part of the log, of exceptions, or of a part of a replay, at a
// destination.
type Settlement struct {
	// At is when it was settled.
	At time.Time
	// Cursor is the id up to which the log is settled, 0 to leave it where it is.
	Cursor int64
	Counts
	// Succeeded is when the last delivery succeeded, nil if none did.
	Succeeded *time.Time
	// Failures, RetryAt and Error replace those of the destination's progress. Error is kept if it
	// is "".
	Failures int
	RetryAt  *time.Time
	Error    string
	// Deliveries replace those of their notifications.
	Deliveries []Delivery
	// Attempts are added to those of exceptions.
	Attempts []Attempt
	// Freed are records whose first delivery was settled: the next one that is held becomes due.
	Freed []string
	// Marks replace those of their records.
	Marks []Mark
	// Span replaces the one that begins with the same notification; nil for none.
	Span *Span
	// Replay is how far a replay is, nil for none.
	Replay *ReplayProgress
}

// Counts are numbers of notifications at a destination.
type Counts struct {
	Delivered, Filtered, Skipped int64
	// Failed became exceptions, Retried are attempts with those, and Dead were given up.
	Failed, Retried, Dead int64
	// Unmatched are those among Filtered that the filter could not be computed for.
	Unmatched int64
}

// Attempt is one attempt to deliver an exception.
type Attempt struct {
	NotificationID int64
	// N counts the attempts from 1.
	N      int
	At     time.Time
	Took   time.Duration
	Status int
	Cause  string
	// Answer is the beginning of the answer, at most 1 KiB of text.
	Answer string
}

// Mark is the newest state of a record that a destination has got.
type Mark struct {
	Record         string
	NotificationID int64
	ChangedAt      *time.Time
}

// SpanKind is what became of a part of the log. Its values are stored.
type SpanKind int16

// The kinds of spans.
const (
	SpanDelivered SpanKind = 1 // by the destination's cursor
	SpanRemoved   SpanKind = 2 // the destination was removed before it got there
	SpanExpired   SpanKind = 3 // it was pruned before the destination got there
)

// Span is what became of the notifications with the ids From to To, both included, and when.
type Span struct {
	From, To                    int64
	Kind                        SpanKind
	Delivered, Filtered, Failed int64
	FirstAt, LastAt             time.Time
}

// ReplayProgress is how far a replay is.
type ReplayProgress struct {
	Replay int64
	Cursor int64
	// Delivered, Filtered, Skipped and Failed are added to its counts.
	Delivered, Filtered, Skipped, Failed int64
	// Settled are notifications that it has delivered, whose exceptions are settled by that.
	Settled []int64
	// Done is true after its last notification.
	Done bool
}

// The attempts that are kept with a delivery.
const (
	firstAttempts = 3
	lastAttempts  = 20
)

// Settle stores what became of notifications, in one transaction. It returns [ErrLeaseLost], and
// stores nothing, if the lease is not the destination's.
func (s *Store) Settle(ctx context.Context, lease Lease, done Settlement) error {
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		set, args := done.state()
		if err := s.fence(ctx, tx, lease, set, args...); err != nil {
			return err
		}
		return s.put(ctx, tx, lease.Destination, &done)
	})
	if err != nil {
		return fmt.Errorf("settle deliveries: %w", err)
	}
	return nil
}

// state returns the changes of the destination's state, and their arguments.
func (done *Settlement) state() (set string, args []any) {
	columns := []string{"breaker_failures = ?", "breaker_until = ?"}
	args = []any{done.Failures, timestampOrNull(done.RetryAt)}
	add := func(assignment string, value any) {
		columns, args = append(columns, assignment), append(args, value)
	}
	for _, count := range []struct {
		column string
		n      int64
	}{
		{"delivered", done.Delivered}, {"filtered", done.Filtered}, {"skipped", done.Skipped},
		{"failed", done.Failed}, {"retried", done.Retried}, {"dead", done.Dead},
		{"unmatched", done.Unmatched},
	} {
		if count.n != 0 {
			add(count.column+" = "+count.column+" + ?", count.n)
		}
	}
	if done.Cursor != 0 {
		add("cursor_id = ?", done.Cursor)
	}
	if done.Error != "" {
		add("last_error = ?", done.Error)
	}
	if done.Succeeded != nil {
		add("last_success_at = ?", timestamp{*done.Succeeded})
	}
	return strings.Join(columns, ", "), args
}

// put writes the rows of a settlement.
func (s *Store) put(ctx context.Context, tx *sqlx.Tx, destination int64, done *Settlement) error {
	for i := range done.Deliveries {
		if err := putDelivery(ctx, tx, destination, &done.Deliveries[i]); err != nil {
			return err
		}
	}
	for i := range done.Attempts {
		if err := putAttempt(ctx, tx, destination, &done.Attempts[i]); err != nil {
			return err
		}
	}
	for _, record := range done.Freed {
		if err := freeNext(ctx, tx, destination, record); err != nil {
			return err
		}
	}
	if err := s.putMarks(ctx, tx, destination, done.Marks); err != nil {
		return err
	}
	if done.Span != nil {
		if err := putSpan(ctx, tx, destination, *done.Span); err != nil {
			return err
		}
	}
	if done.Replay != nil {
		return putReplayProgress(ctx, tx, destination, done.Replay, done.At)
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

// putAttempt adds an attempt, and deletes one between the first and the last ones.
func putAttempt(ctx context.Context, tx *sqlx.Tx, destination int64, a *Attempt) error {
	_, err := tx.ExecContext(ctx, tx.Rebind(`
		insert into delivery_attempts (destination_id, notification_id, n, at, took_ms, status, cause, answer)
		values (?, ?, ?, ?, ?, ?, ?, ?)
		on conflict (destination_id, notification_id, n) do nothing`),
		destination, a.NotificationID, a.N, timestamp{a.At}, a.Took.Milliseconds(), a.Status, a.Cause,
		a.Answer)
	if drop := a.N - lastAttempts; err == nil && drop > firstAttempts {
		_, err = tx.ExecContext(ctx, tx.Rebind(`
			delete from delivery_attempts where destination_id = ? and notification_id = ? and n = ?`),
			destination, a.NotificationID, drop)
	}
	return err
}

// freeNext makes the first delivery of a record that is held due, unless another one of the record
// is to be tried before.
func freeNext(ctx context.Context, tx *sqlx.Tx, destination int64, record string) error {
	_, err := tx.ExecContext(ctx, tx.Rebind(`
		update deliveries set state = ?, next_attempt_at = since
		where destination_id = ? and notification_id = (
			select min(h.notification_id) from deliveries h
			where h.destination_id = ? and h.record_key = ? and h.state = ?)
		and not exists (
			select 1 from deliveries r where r.destination_id = ? and r.record_key = ? and r.state = ?)`),
		Retry, destination, destination, record, Held, destination, record, Retry)
	return err
}

// putMarks writes marks: on PostgreSQL at once, on SQLite, which has a limit of parameters, a hundred
// at a time.
func (s *Store) putMarks(ctx context.Context, tx *sqlx.Tx, destination int64, marks []Mark) error {
	most := 100
	if s.driver == driverPostgres {
		most = len(marks)
	}
	for len(marks) > 0 {
		n := min(len(marks), most)
		rows, args := s.markRows(destination, marks[:n])
		_, err := tx.ExecContext(ctx, tx.Rebind(`
			insert into record_marks (destination_id, record_key, notification_id, changed_at) `+rows+`
			on conflict (destination_id, record_key) do update
			set notification_id = excluded.notification_id, changed_at = excluded.changed_at`), args...)
		if err != nil {
			return err
		}
		marks = marks[n:]
	}
	return nil
}

// markRows returns the rows of marks for an insert, and their arguments.
func (s *Store) markRows(destination int64, marks []Mark) (rows string, args []any) {
	if s.driver == driverSQLite {
		for _, m := range marks {
			args = append(args, destination, m.Record, m.NotificationID, timestampOrNull(m.ChangedAt))
		}
		return `values (?, ?, ?, ?)` + strings.Repeat(", (?, ?, ?, ?)", len(marks)-1), args
	}
	records, ids := make(pq.StringArray, len(marks)), make(pq.Int64Array, len(marks))
	changed := make([]sql.NullString, len(marks))
	for i, m := range marks {
		records[i], ids[i] = m.Record, m.NotificationID
		if m.ChangedAt != nil {
			changed[i] = sql.NullString{String: ledger.FormatTime(*m.ChangedAt), Valid: true}
		}
	}
	return `select ?::integer, * from unnest(?::text[], ?::bigint[], ?::timestamptz[])`,
		[]any{destination, records, ids, pq.Array(changed)}
}

func putSpan(ctx context.Context, tx *sqlx.Tx, destination int64, span Span) error {
	_, err := tx.ExecContext(ctx, tx.Rebind(`
		insert into delivery_spans (destination_id, from_id, kind, to_id, delivered, filtered, failed,
			first_at, last_at)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?)
		on conflict (destination_id, from_id) do update
		set kind = excluded.kind, to_id = excluded.to_id, delivered = excluded.delivered,
			filtered = excluded.filtered, failed = excluded.failed, last_at = excluded.last_at`),
		destination, span.From, span.Kind, span.To, span.Delivered, span.Filtered, span.Failed,
		timestamp{span.FirstAt}, timestamp{span.LastAt})
	return err
}

// Marks returns the marks of those of the records that have one.
func (s *Store) Marks(ctx context.Context, destination int64, records []string) (map[string]Mark, error) {
	if len(records) == 0 {
		return nil, nil
	}
	where := conditions{}.with("destination_id = ?", destination)
	if s.driver == driverPostgres {
		where = where.with("record_key = any(?)", pq.StringArray(records))
	} else {
		keys := make([]any, len(records))
		for i, record := range records {
			keys[i] = record
		}
		where = where.and(withIDs("record_key", keys))
	}
	var rows []struct {
		Record    string     `db:"record_key"`
		ID        int64      `db:"notification_id"`
		ChangedAt *timestamp `db:"changed_at"`
	}
	err := s.await(ctx, func() error {
		rows = nil
		return s.read.SelectContext(ctx, &rows, s.read.Rebind(`
			select record_key, notification_id, changed_at from record_marks where `+where.sql()), where.args...)
	})
	if err != nil {
		return nil, fmt.Errorf("read marks: %w", err)
	}
	marks := make(map[string]Mark, len(rows))
	for _, r := range rows {
		marks[r.Record] = Mark{r.Record, r.ID, r.ChangedAt.pointer()}
	}
	return marks, nil
}

// Spans returns the spans of a destination that have notifications after an id, in their order.
func (s *Store) Spans(ctx context.Context, destination, after int64) ([]Span, error) {
	type row struct {
		From      int64     `db:"from_id"`
		To        int64     `db:"to_id"`
		Kind      SpanKind  `db:"kind"`
		Delivered int64     `db:"delivered"`
		Filtered  int64     `db:"filtered"`
		Failed    int64     `db:"failed"`
		FirstAt   timestamp `db:"first_at"`
		LastAt    timestamp `db:"last_at"`
	}
	var rows []row
	err := s.await(ctx, func() error {
		rows = nil
		return s.read.SelectContext(ctx, &rows, s.read.Rebind(`
			select from_id, to_id, kind, delivered, filtered, failed, first_at, last_at
			from delivery_spans where destination_id = ? and to_id > ? order by from_id`), destination, after)
	})
	if err != nil {
		return nil, fmt.Errorf("read spans: %w", err)
	}
	spans := make([]Span, len(rows))
	for i, r := range rows {
		spans[i] = Span{r.From, r.To, r.Kind, r.Delivered, r.Filtered, r.Failed, r.FirstAt.Time, r.LastAt.Time}
	}
	return spans, nil
}

// Attempts returns the attempts with a notification at a destination that are kept, in their order.
func (s *Store) Attempts(ctx context.Context, destination, notification int64) ([]Attempt, error) {
	type row struct {
		N      int       `db:"n"`
		At     timestamp `db:"at"`
		Took   int64     `db:"took_ms"`
		Status int       `db:"status"`
		Cause  string    `db:"cause"`
		Answer string    `db:"answer"`
	}
	var rows []row
	err := s.await(ctx, func() error {
		rows = nil
		return s.read.SelectContext(ctx, &rows, s.read.Rebind(`
			select n, at, took_ms, status, cause, answer from delivery_attempts
			where destination_id = ? and notification_id = ? order by n`), destination, notification)
	})
	if err != nil {
		return nil, fmt.Errorf("read attempts: %w", err)
	}
	all := make([]Attempt, len(rows))
	for i, r := range rows {
		all[i] = Attempt{
			notification, r.N, r.At.Time, time.Duration(r.Took) * time.Millisecond, r.Status, r.Cause, r.Answer,
		}
	}
	return all, nil
}
