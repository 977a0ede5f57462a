package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"ackbox/store"
)

// Store is what a runner needs of the database.
type Store interface {
	NotificationsByID(ctx context.Context, ids []int64) ([]store.Notification, error)
	DueDeliveries(ctx context.Context, destination int64, by time.Time, limit int) ([]store.Delivery, error)
	OpenDeliveries(ctx context.Context, destination int64) (int, error)
	Settle(ctx context.Context, lease store.Lease, done store.Settlement) error
	RenewLease(ctx context.Context, lease store.Lease) (generation int64, active bool, err error)
	ReturnLease(ctx context.Context, lease store.Lease) error
	SetDestinationState(ctx context.Context, name string, state store.DestinationState, reason string) error
}

// Options are the times and sizes of a runner. All must be given.
type Options struct {
	Batch   int           // events that are sent together at most
	MaxOpen int           // exceptions from which on the cursor stops
	Poll    time.Duration // how often the log is looked at if nothing wakes the runner
	Renew   time.Duration // how often a lease is renewed
	// Margin is how long a lease must last for something to be sent.
	Margin time.Duration
	// Stop is how long what is being sent may take once the runner is to stop.
	Stop time.Duration
	// Down is the backoff of a destination that fails, Message that of a single event.
	Down, Message Backoff
}

// Defaults returns the options of the product.
func Defaults() Options {
	return Options{
		Batch: 100, MaxOpen: 10_000, Poll: time.Second, Renew: 5 * time.Second, Margin: 3 * time.Second,
		Stop: 10 * time.Second,
		Down: Backoff{time.Second, 5 * time.Minute}, Message: Backoff{2 * time.Second, time.Hour},
	}
}

// runner delivers to one destination that this process owns.
type runner struct {
	Options
	store       Store
	log         *store.NotificationLog
	reader      *store.LogReader
	slog        *slog.Logger
	sender      Sender
	filter      Filter
	destination store.Destination
	lease       store.Lease
	wake        <-chan struct{}

	leaseEnds atomic.Pointer[time.Time] // by the monotonic clock
	cursor    int64
	failures  int // of the destination, in a row
	retryAt   time.Time
	last      Verdict   // of the last failure of the destination
	succeeded time.Time // when it took an event last
	pause     time.Duration
}

// errReload means that the destination was edited, paused or disabled.
var errReload = errors.New("the destination has changed")

// run delivers until the context ends, the destination changes or the lease is lost. What is being
// sent when the context ends is finished and settled. It returns the lease.
func (r *runner) run(ctx context.Context) error {
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	stopping := context.AfterFunc(ctx, func() {
		time.AfterFunc(r.Stop, func() { cancel(context.Cause(ctx)) })
	})
	defer stopping()
	until := time.Now().Add(store.LeaseTime)
	r.leaseEnds.Store(&until)
	renewing, stopRenewing := context.WithCancelCause(work)
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		r.renew(renewing, cancel)
	}()
	err := r.deliver(ctx, work)
	stopRenewing(nil)
	<-renewed
	if cause := context.Cause(work); cause != nil {
		err = cause
	}
	if errors.Is(err, store.ErrLeaseLost) {
		return err
	}
	returning, done := context.WithTimeout(context.WithoutCancel(ctx), r.Margin)
	defer done()
	return errors.Join(err, r.store.ReturnLease(returning, r.lease))
}

// renew renews the lease until the context ends. It ends the work when another has the lease, and
// when the destination has changed.
func (r *runner) renew(ctx context.Context, end context.CancelCauseFunc) {
	ticker := time.NewTicker(r.Renew)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		until := time.Now().Add(store.LeaseTime)
		generation, active, err := r.store.RenewLease(ctx, r.lease)
		switch {
		case errors.Is(err, store.ErrLeaseLost):
			end(err)
			return
		case err != nil && ctx.Err() != nil:
			return
		case err != nil: // tried again; nothing is sent when it lasts for too long
			r.slog.Warn("lease not renewed", "destination", r.destination.Name, "error", err)
		case !active || generation != r.destination.Generation:
			end(errReload)
			return
		default:
			r.leaseEnds.Store(&until)
		}
	}
}

// deliver delivers until one of the contexts ends: nothing new is begun when stop has ended, and
// nothing goes on when work has.
func (r *runner) deliver(stop, work context.Context) error {
	r.cursor = r.destination.Progress.Cursor
	r.failures = r.destination.Progress.Failures
	if at := r.destination.Progress.RetryAt; at != nil {
		r.retryAt = *at
	}
	if at := r.destination.Progress.LastSuccessAt; at != nil {
		r.succeeded = *at
	}
	for stop.Err() == nil && work.Err() == nil {
		idle, err := r.step(work)
		if err != nil {
			return err
		}
		if idle {
			r.wait(stop, work)
		}
	}
	return nil
}

// step delivers what is due, then a part of the log. It reports whether there was nothing to do.
func (r *runner) step(ctx context.Context) (idle bool, err error) {
	if time.Now().Before(r.retryAt) || !r.mayUseLease() {
		return true, nil
	}
	if r.failures > 0 { // one event, of the log or else an exception, shows whether that has ended
		n, err := r.follow(ctx)
		if n == 0 && err == nil {
			n, err = r.retry(ctx, 1)
		}
		return n == 0, err
	}
	retried, err := r.retry(ctx, r.Batch)
	if err != nil || r.failures > 0 {
		return false, err
	}
	read, err := r.follow(ctx)
	return retried+read == 0, err
}

func (r *runner) mayUseLease() bool { return time.Until(*r.leaseEnds.Load()) >= r.Margin }

// wait waits until something may have to be done.
func (r *runner) wait(stop, work context.Context) {
	wait := r.Poll
	if until := time.Until(r.retryAt); until > 0 {
		wait = min(wait, until)
	} else if _, held := r.log.Hold(); held {
		const least, most = time.Millisecond, 50 * time.Millisecond
		r.pause = min(max(least, 2*r.pause), most)
		wait = min(wait, r.pause)
	} else {
		r.pause = 0
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.wake:
	case <-stop.Done():
	case <-work.Done():
	}
}

// follow delivers the next part of the log and returns how many notifications that were.
func (r *runner) follow(ctx context.Context) (int, error) {
	open, err := r.store.OpenDeliveries(ctx, r.destination.ID)
	if err != nil {
		return 0, err
	}
	if open >= r.MaxOpen {
		return 0, nil
	}
	page, err := r.reader.Read(ctx, r.cursor, r.Batch)
	if err != nil {
		return 0, err
	}
	items := make([]item, len(page.Notifications))
	for i, n := range page.Notifications {
		items[i] = item{notification: n, wanted: r.filter(&n)}
	}
	next := page.Next
	if r.failures > 0 {
		items, next = r.probe(items, next)
	}
	if len(items) == 0 {
		r.cursor = next // nothing to settle: ids that nobody has
		return 0, nil
	}
	r.send(ctx, items)
	return len(items), r.settle(ctx, next, items)
}

// probesBeforePassing is how often the same event is tried before the one of another record is, in
// turn with it.
const probesBeforePassing = 3

// probe reduces a part of the log, for a destination that is down, to what is tried next: the first
// event, or after some failures, each second time, the first event of another record. If that one is
// delivered, it is not the destination that fails, but the first event.
func (r *runner) probe(items []item, next int64) ([]item, int64) {
	first := -1
	for i := range items {
		if !items[i].wanted {
			continue
		}
		passing := r.failures >= probesBeforePassing && r.failures%2 == 1
		if first < 0 {
			first = i
		}
		if passing && (i == first || recordOf(&items[i].notification) == recordOf(&items[first].notification)) {
			items[i].verdict = Verdict{Outcome: Unavailable, Status: r.last.Status, Error: r.last.Error}
			continue
		}
		return items[:i+1], items[i].notification.ID
	}
	if first >= 0 { // there is no other record
		items[first].verdict = Verdict{}
		return items[:first+1], items[first].notification.ID
	}
	return items, next
}

// recordOf identifies the record of a notification. Those without one are records of their own.
func recordOf(n *store.Notification) string {
	if n.RecordID == nil || *n.RecordID == "" {
		return fmt.Sprintf("notification %d", n.ID)
	}
	return n.Source + "/" + n.OrganizationID[:min(15, len(n.OrganizationID))] + "/" +
		(*n.RecordID)[:min(15, len(*n.RecordID))]
}

// send sends the items that are wanted and have no verdict yet.
func (r *runner) send(ctx context.Context, items []item) {
	var events []Event
	var of []*item
	for i := range items {
		if item := &items[i]; item.wanted && item.verdict.Outcome == 0 {
			events, of = append(events, Event{Notification: item.notification, Attempt: 1}), append(of, item)
		}
	}
	if len(events) == 0 {
		return
	}
	for i, verdict := range r.sender.Send(ctx, events) {
		of[i].verdict = verdict
	}
}

// settle settles a part of the log and moves the cursor.
func (r *runner) settle(ctx context.Context, next int64, items []item) error {
	now := time.Now()
	ruled := rule(r.cursor, next, items)
	done := store.Settlement{
		Cursor: ruled.cursor, Delivered: ruled.delivered, Filtered: ruled.filtered,
		Failed: int64(len(ruled.failed)),
	}
	for _, item := range ruled.failed {
		d := store.Delivery{
			NotificationID: item.notification.ID, Record: recordOf(&item.notification), Since: now,
		}
		done.Deliveries = append(done.Deliveries, r.failed(d, item.verdict, now))
		done.Error = item.verdict.Error
	}
	if ruled.delivered > 0 {
		done.Succeeded = &now
	}
	if err := r.finish(ctx, &done, ruled.down, ruled.delivered > 0 || len(ruled.failed) > 0); err != nil {
		return err
	}
	r.cursor = ruled.cursor
	if ruled.gone {
		return r.disable(ctx)
	}
	return nil
}

// finish stores a settlement, with the state of the destination that follows from the verdict that
// it is down, or from an answer.
func (r *runner) finish(ctx context.Context, done *store.Settlement, down *Verdict, answered bool) error {
	failures, retryAt, last := r.failures, r.retryAt, r.last
	switch {
	case down != nil:
		failures, last = failures+1, *down
		retryAt = time.Now().Add(r.Down.after(failures, down.RetryAfter))
		done.Error = down.Error
	case answered:
		failures, retryAt = 0, time.Time{}
	}
	if done.Failures = failures; !retryAt.IsZero() {
		done.RetryAt = &retryAt
	}
	if err := r.store.Settle(ctx, r.lease, *done); err != nil {
		return err
	}
	if (failures > 0) != (r.failures > 0) {
		r.logAvailability(failures, last)
	}
	if done.Succeeded != nil {
		r.succeeded = *done.Succeeded
	}
	r.failures, r.retryAt, r.last = failures, retryAt, last
	return nil
}

func (r *runner) logAvailability(failures int, last Verdict) {
	if failures == 0 {
		r.slog.Info("destination takes events again", "destination", r.destination.Name)
		return
	}
	r.slog.Warn("destination is down, tried again", "destination", r.destination.Name,
		"status", last.Status, "error", last.Error)
}

// failed returns the delivery after a further attempt that failed.
func (r *runner) failed(d store.Delivery, v Verdict, now time.Time) store.Delivery {
	d.Attempts++
	d.LastStatus, d.LastError = v.Status, v.Error
	// A destination that was down all the time has not refused it.
	refused := v.Outcome != Unavailable || r.succeeded.After(d.Since)
	if v.Outcome == Impossible || refused && now.Sub(d.Since) >= r.destination.GiveUp {
		d.State, d.NextAttemptAt, d.SettledAt = store.Dead, nil, &now
		r.slog.Warn("event given up", "destination", r.destination.Name, "notification", d.NotificationID,
			"attempts", d.Attempts, "status", v.Status, "error", v.Error)
		return d
	}
	next := now.Add(r.Message.after(d.Attempts, v.RetryAfter))
	d.State, d.NextAttemptAt = store.Retry, &next
	return d
}

// disable makes the destination inactive because it answered that it wants no more.
func (r *runner) disable(ctx context.Context) error {
	r.slog.Warn("destination disabled, it wants no more events", "destination", r.destination.Name)
	err := r.store.SetDestinationState(ctx, r.destination.Name, store.Disabled,
		"it answered that it wants no more events")
	return errors.Join(err, errReload)
}
