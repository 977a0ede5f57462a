package relay

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"ackbox/store"
)

// spanTime is for how long one span is extended.
const spanTime = time.Minute

// settleSent settles the batches that were sent, in the order of the log. If the destination has not
// answered for the end of one, those after it decide how far the cursor moves.
func (r *runner) settleSent(ctx context.Context) error {
	for r.waiting() {
		first := r.flying[0]
		items, next, n := first.items, first.next, 1
		if passable(items) < len(items) && len(r.flying) > 1 {
			for _, b := range r.flying[1:] {
				if !b.sent {
					return nil
				}
				items, next, n = append(items, b.items...), b.next, n+1
			}
		}
		r.flying = r.flying[n:]
		if err := r.settle(ctx, next, items); err != nil {
			return err
		}
	}
	return nil
}

// settle settles a part of the log and moves the cursor.
func (r *runner) settle(ctx context.Context, next int64, items []item) error {
	now := time.Now()
	ruled := rule(r.cursor, next, items)
	done := store.Settlement{At: now, Cursor: ruled.cursor}
	done.Delivered, done.Filtered, done.Skipped = ruled.delivered, ruled.filtered, ruled.skipped
	done.Unmatched = ruled.unmatched
	r.order.end(items)
	answered := r.addRows(&done, ruled.passed, now)
	if ruled.delivered > 0 {
		done.Succeeded = &now
	}
	if ruled.cursor > r.cursor {
		done.Span = r.extendedSpan(&done, now)
	}
	if err := r.settleSoon(ctx, &done, &ruled, answered); err != nil {
		return err
	}
	r.metrics.deliveredAt(ruled.passed, now)
	if r.cursor = ruled.cursor; done.Span != nil {
		r.span = *done.Span
	}
	if ruled.cursor != next {
		r.log.seek(r.cursor)
	}
	if ruled.gone {
		return r.disable(ctx)
	}
	return nil
}

// addRows adds what the items leave behind: exceptions, attempts and marks. What is held comes last:
// whether it must wait depends on the others. It reports whether the destination has answered.
func (r *runner) addRows(done *store.Settlement, items []item, now time.Time) (answered bool) {
	for i := range items {
		item := &items[i]
		switch {
		case item.fate == skipped:
			d := r.exception(item, now)
			d.State, d.SettledAt = store.Skipped, &now
			done.Deliveries = append(done.Deliveries, d)
		case item.fate != wanted:
		case item.verdict.Outcome == Success:
			answered = true
			r.mark(done, item)
		default:
			answered = true
			done.Failed++
			r.fail(done, r.exception(item, now), item.verdict, now)
		}
	}
	for i := range items {
		if items[i].fate == held {
			d := r.exception(&items[i], now)
			if d.State = store.Held; r.order.blocked[d.Record] == 0 {
				d.State, d.NextAttemptAt = store.Retry, &now // what it waited for is settled
				r.due(now)
			}
			done.Deliveries = append(done.Deliveries, d)
			r.opened(d.Record)
		}
	}
	return answered
}

func (r *runner) exception(item *item, now time.Time) store.Delivery {
	record := item.record
	if record == "" {
		record = recordOf(item.notification)
	}
	return store.Delivery{NotificationID: item.notification.ID, Record: record, Since: now}
}

// opened notes an exception that is still to be delivered.
func (r *runner) opened(record string) {
	r.open++
	r.order.opened(record)
}

// closed notes that an exception is settled.
func (r *runner) closed(done *store.Settlement, record string) {
	r.open--
	if r.order.closed(record) {
		done.Freed = append(done.Freed, record)
	}
}

// mark notes that a notification was delivered. The mark that a stale one is older than may not be in
// memory any more.
func (r *runner) mark(done *store.Settlement, item *item) {
	if !r.order.regarded() || item.stale {
		return
	}
	if mark, newer := r.order.delivered(item.notification, item.record); newer {
		done.Marks = append(done.Marks, mark)
	}
}

// lastMarks returns the last mark of each record.
func lastMarks(marks []store.Mark) []store.Mark {
	slices.Reverse(marks)
	slices.SortStableFunc(marks, func(a, b store.Mark) int { return strings.Compare(a.Record, b.Record) })
	return slices.CompactFunc(marks, func(a, b store.Mark) bool { return a.Record == b.Record })
}

// fail adds a new exception after its first attempt.
func (r *runner) fail(done *store.Settlement, d store.Delivery, v Verdict, now time.Time) {
	d = r.failed(done, d, v, now)
	done.Error = v.Error
	if d.State == store.Retry {
		if r.order.blocked[d.Record] > 0 { // its record has an earlier one
			d.State, d.NextAttemptAt = store.Held, nil
		} else {
			r.due(*d.NextAttemptAt)
		}
		r.opened(d.Record)
	}
	done.Deliveries = append(done.Deliveries, d)
}

// extendedSpan returns the span with what is settled now, or a new one.
func (r *runner) extendedSpan(done *store.Settlement, now time.Time) *store.Span {
	span := r.span
	if span.To != r.cursor || now.Sub(span.FirstAt) >= spanTime {
		span = store.Span{From: r.cursor + 1, Kind: store.SpanDelivered, FirstAt: now}
	}
	span.To, span.LastAt = done.Cursor, now
	span.Delivered += done.Delivered
	span.Filtered += done.Filtered
	span.Failed += done.Failed
	return &span
}

// finish stores a settlement with what is unsettled, and the state of the destination that follows
// from the verdict that it is down, or from an answer.
func (r *runner) finish(ctx context.Context, done *store.Settlement, down *Verdict, answered bool) error {
	next := r.availability
	r.unsettled.add(done)
	switch {
	case down != nil:
		next.failures, next.last = next.failures+1, *down
		next.retryAt = time.Now().Add(r.Down.after(next.failures, down.RetryAfter))
		done.Error = down.Error
	case answered:
		next.failures, next.retryAt = 0, time.Time{}
	}
	if done.Failures = next.failures; !next.retryAt.IsZero() {
		done.RetryAt = &next.retryAt
	}
	if done.Succeeded != nil {
		next.succeeded = *done.Succeeded
	}
	done.Marks = lastMarks(done.Marks)
	if err := r.store.Settle(ctx, r.lease, *done); err != nil {
		return err
	}
	r.unsettled = unsettled{at: time.Now()}
	r.metrics.settled(done)
	if (next.failures > 0) != (r.failures > 0) {
		r.logAvailability(next)
	}
	r.availability = next
	return nil
}

func (r *runner) logAvailability(a availability) {
	if a.failures == 0 {
		r.slog.Info("destination takes events again", "destination", r.destination.Name)
		return
	}
	r.slog.Warn("destination is down, tried again", "destination", r.destination.Name,
		"status", a.last.Status, "error", a.last.Error)
}

// failed returns the delivery after a further attempt that failed, and adds the attempt.
func (r *runner) failed(done *store.Settlement, d store.Delivery, v Verdict, now time.Time) store.Delivery {
	d.Attempts++
	d.LastStatus, d.LastError = v.Status, v.Error
	addAttempt(done, &d, v, now)
	// A destination that was down all the time has not refused it.
	refused := v.Outcome != Unavailable || r.succeeded.After(d.Since)
	if v.Outcome == Impossible || refused && now.Sub(d.Since) >= r.destination.GiveUp {
		d.State, d.NextAttemptAt, d.SettledAt = store.Dead, nil, &now
		done.Dead++
		r.slog.Warn("event given up", "destination", r.destination.Name, "notification", d.NotificationID,
			"attempts", d.Attempts, "status", v.Status, "error", v.Error)
		return d
	}
	next := now.Add(r.Message.after(d.Attempts, v.RetryAfter))
	d.State, d.NextAttemptAt = store.Retry, &next
	return d
}

// addAttempt adds the last attempt with a delivery.
func addAttempt(done *store.Settlement, d *store.Delivery, v Verdict, now time.Time) {
	done.Attempts = append(done.Attempts, store.Attempt{
		NotificationID: d.NotificationID, N: d.Attempts, At: now.Add(-v.Took), Took: v.Took,
		Status: v.Status, Cause: v.Error, Answer: v.Answer,
	})
}

// disable makes the destination inactive because it answered that it wants no more.
func (r *runner) disable(ctx context.Context) error {
	r.slog.Warn("destination disabled, it wants no more events", "destination", r.destination.Name)
	err := r.store.SetDestinationState(ctx, r.destination.Name, store.Disabled,
		"it answered that it wants no more events")
	return errors.Join(err, errReload)
}
