package relay

import (
	"context"
	"time"

	"ackbox/store"
)

// retry tries exceptions again that are due, and returns how many those were.
func (r *runner) retry(ctx context.Context, limit int) (int, error) {
	due, err := r.store.DueDeliveries(ctx, r.destination.ID, time.Now(), limit)
	if err != nil || len(due) == 0 {
		return 0, err
	}
	ids := make([]int64, len(due))
	for i := range due {
		ids[i] = due[i].NotificationID
	}
	found, err := r.store.NotificationsByID(ctx, ids)
	if err != nil {
		return 0, err
	}
	byID := make(map[int64]store.Notification, len(found))
	for _, n := range found {
		byID[n.ID] = n
	}
	verdicts := r.resend(ctx, due, byID)
	return len(due), r.settleRetried(ctx, due, verdicts)
}

// resend sends exceptions again. The verdict of what is not stored any more is the zero value.
func (r *runner) resend(
	ctx context.Context, due []store.Delivery, byID map[int64]store.Notification,
) []Verdict {
	verdicts := make([]Verdict, len(due))
	var events []Event
	var of []int
	for i, d := range due {
		if n, ok := byID[d.NotificationID]; ok {
			events, of = append(events, Event{Notification: n, Attempt: d.Attempts + 1}), append(of, i)
		}
	}
	if len(events) > 0 {
		for i, verdict := range r.sender.Send(ctx, events) {
			verdicts[of[i]] = verdict
		}
	}
	return verdicts
}

// settleRetried settles exceptions that were tried again. If the destination did not answer for any
// of several, it is down, and that was no attempt with them. One alone may be to blame itself.
func (r *runner) settleRetried(ctx context.Context, due []store.Delivery, verdicts []Verdict) error {
	now, gone, answered := time.Now(), false, false
	var down *Verdict
	var done store.Settlement
	for i, v := range verdicts {
		switch v.Outcome {
		case 0:
			v = Verdict{Outcome: Impossible, Error: "the notification is not stored any more"}
			done.Deliveries = append(done.Deliveries, r.failed(due[i], v, now))
		case Success:
			answered = true
			done.Delivered, done.Succeeded = done.Delivered+1, &now
			done.Deliveries = append(done.Deliveries, delivered(due[i], v, now))
		case Unavailable:
			down = &verdicts[i]
		default:
			answered, gone = true, gone || v.Outcome == Gone
			done.Deliveries, done.Error = append(done.Deliveries, r.failed(due[i], v, now)), v.Error
		}
	}
	if answered || len(due) == 1 {
		for i, v := range verdicts {
			if v.Outcome == Unavailable {
				done.Deliveries = append(done.Deliveries, r.failed(due[i], v, now))
			}
		}
		if r.failures == 0 || answered {
			down = nil
		}
	}
	if err := r.finish(ctx, &done, down, answered); err != nil {
		return err
	}
	if gone {
		return r.disable(ctx)
	}
	return nil
}

// delivered returns the delivery after an attempt that succeeded.
func delivered(d store.Delivery, v Verdict, now time.Time) store.Delivery {
	d.Attempts++
	d.State, d.NextAttemptAt, d.SettledAt = store.Delivered, nil, &now
	d.LastStatus, d.LastError = v.Status, ""
	return d
}
