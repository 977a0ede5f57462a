package relay

import (
	"context"
	"time"

	"ackbox/store"
)

// retried is an exception that is tried again.
type retried struct {
	delivery store.Delivery
	item     item // without a notification if that is not stored any more
}

// beginRetries begins to try exceptions again that are due.
func (r *runner) beginRetries(ctx context.Context, now time.Time, limit int) error {
	if r.retries || r.nextDue.IsZero() || now.Before(r.nextDue) {
		return nil
	}
	due, err := r.store.DueDeliveries(ctx, r.destination.ID, now, limit)
	if err != nil {
		return err
	}
	if len(due) == 0 {
		return r.findDue(ctx)
	}
	all, err := r.loadRetried(ctx, due)
	if err != nil {
		return err
	}
	r.retries = true
	r.start(func() completion {
		var wave []*item
		for i := range all {
			if all[i].item.notification != nil && all[i].item.unsent() {
				wave = append(wave, &all[i].item)
			}
		}
		if len(wave) > 0 {
			r.sendWave(ctx, wave)
		}
		return func(ctx context.Context) error {
			r.retries = false
			return r.settleRetried(ctx, all)
		}
	})
	return nil
}

// loadRetried reads what is to be tried again. Of each record there is one at most.
func (r *runner) loadRetried(ctx context.Context, due []store.Delivery) ([]retried, error) {
	ids := make([]int64, len(due))
	for i := range due {
		ids[i] = due[i].NotificationID
	}
	found, err := r.store.NotificationsByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[int64]*store.Notification, len(found))
	for i := range found {
		byID[found[i].ID] = &found[i]
	}
	items := make([]item, 0, len(due))
	for _, d := range due {
		i := item{notification: byID[d.NotificationID], attempt: d.Attempts + 1}
		if i.notification == nil {
			i.fate = ignored
		}
		items = append(items, i)
	}
	if err := r.order.judge(ctx, items); err != nil {
		return nil, err
	}
	all := make([]retried, len(due))
	for i := range due {
		all[i] = retried{due[i], items[i]}
	}
	return all, nil
}

// settleRetried settles exceptions that were tried again. If the destination did not answer for any
// of several, it is down, and that was no attempt with them. One alone may be to blame itself.
func (r *runner) settleRetried(ctx context.Context, all []retried) error {
	now, gone, answered := time.Now(), false, false
	var down *Verdict
	for i := range all {
		item := &all[i].item
		answered = answered || item.answered()
		if item.open() {
			down = &item.verdict
		}
	}
	counts := answered || len(all) == 1 // as attempts
	if down != nil && counts && (r.failures == 0 || answered) {
		down = nil
	}
	var done store.Settlement
	for i := range all {
		if !all[i].item.open() || counts {
			r.settleOne(&done, &all[i], now)
		}
		gone = gone || all[i].item.verdict.Outcome == Gone
	}
	if err := r.finish(ctx, &done, down, answered); err != nil {
		return err
	}
	if gone {
		return r.disable(ctx)
	}
	return r.findDue(ctx)
}

// settleOne adds what became of an exception that was tried again.
func (r *runner) settleOne(done *store.Settlement, t *retried, now time.Time) {
	d, v := t.delivery, t.item.verdict
	switch {
	case t.item.notification == nil:
		d.State, d.NextAttemptAt, d.SettledAt = store.Dead, nil, &now
		d.LastError = "the notification is not stored any more"
		done.Dead++
	case t.item.fate == skipped:
		d.State, d.NextAttemptAt, d.SettledAt = store.Skipped, nil, &now
		done.Skipped++
	case v.Outcome == Success:
		done.Delivered, done.Retried, done.Succeeded = done.Delivered+1, done.Retried+1, &now
		d = delivered(done, d, v, now)
		r.mark(done, &t.item)
	default:
		done.Retried, done.Error = done.Retried+1, v.Error
		d = r.failed(done, d, v, now)
	}
	done.Deliveries = append(done.Deliveries, d)
	if d.State != store.Retry {
		r.closed(done, d.Record)
	}
}

// delivered returns the delivery after an attempt that succeeded, and adds the attempt.
func delivered(done *store.Settlement, d store.Delivery, v Verdict, now time.Time) store.Delivery {
	d.Attempts++
	d.State, d.NextAttemptAt, d.SettledAt = store.Delivered, nil, &now
	d.LastStatus, d.LastError = v.Status, ""
	addAttempt(done, &d, v, now)
	return d
}

// findDue finds out when the next exception is to be tried again.
func (r *runner) findDue(ctx context.Context) error {
	r.nextDue, r.checked = time.Time{}, time.Now()
	if r.open == 0 {
		return nil
	}
	at, err := r.store.NextDelivery(ctx, r.destination.ID)
	if err == nil && at != nil {
		r.nextDue = *at
	}
	return err
}

// recount reads the exceptions anew if all of them seem to wait for others: those may have been
// deleted.
func (r *runner) recount(ctx context.Context, now time.Time) error {
	if r.open == 0 || !r.nextDue.IsZero() || r.retries || len(r.flying) > 0 || now.Sub(r.checked) < r.Poll {
		return nil
	}
	if err := r.store.FreeHeld(ctx, r.lease, r.destination); err != nil {
		return err
	}
	if err := r.countOpen(ctx); err != nil {
		return err
	}
	return r.findDue(ctx)
}

// countOpen reads which exceptions are still to be delivered.
func (r *runner) countOpen(ctx context.Context) error {
	blocked, err := r.store.OpenDeliveries(ctx, r.destination.ID)
	if err != nil {
		return err
	}
	r.open, r.order.blocked = 0, blocked
	for _, n := range blocked {
		r.open += n
	}
	return nil
}

// due notes that an exception is to be tried again at a time.
func (r *runner) due(at time.Time) {
	if r.nextDue.IsZero() || at.Before(r.nextDue) {
		r.nextDue = at
	}
}
