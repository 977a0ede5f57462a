package relay

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/time/rate"

	"ackbox/store"
)

// Store is what a runner needs of the database.
type Store interface {
	NotificationsByID(ctx context.Context, ids []int64) ([]store.Notification, error)
	DueDeliveries(ctx context.Context, destination int64, by time.Time, limit int) ([]store.Delivery, error)
	NextDelivery(ctx context.Context, destination int64) (*time.Time, error)
	OpenDeliveries(ctx context.Context, destination int64) (map[string]int, error)
	Marks(ctx context.Context, destination int64, records []string) (map[string]store.Mark, error)
	Settle(ctx context.Context, lease store.Lease, done store.Settlement) error
	Generation(ctx context.Context, lease store.Lease) (generation int64, active bool, err error)
	RenewLease(ctx context.Context, lease store.Lease) (generation int64, active bool, err error)
	ReturnLease(ctx context.Context, lease store.Lease) error
	FreeHeld(ctx context.Context, lease store.Lease, d store.Destination) error
	OpenAmong(ctx context.Context, destination int64, ids []int64) (map[int64]bool, error)
	RunningReplays(ctx context.Context, destination int64) ([]store.Replay, error)
	ReplayPage(ctx context.Context, r *store.Replay, after int64, limit int) ([]store.Notification, int64, error)
	SetDestinationState(ctx context.Context, name string, state store.DestinationState, reason string) error
}

// Options are the times and sizes of a runner. All must be given.
type Options struct {
	Batch    int           // events that are sent together at most
	InFlight int           // batches of the log that are sent at the same time at most
	MaxOpen  int           // exceptions from which on the cursor stops
	Poll     time.Duration // how often the log is looked at if nothing wakes the runner
	Renew    time.Duration // how often a lease is renewed
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
		Batch: 100, InFlight: 3, MaxOpen: 10_000, Poll: time.Second, Renew: 5 * time.Second,
		Margin: 3 * time.Second, Stop: 10 * time.Second,
		Down: Backoff{time.Second, 5 * time.Minute}, Message: Backoff{2 * time.Second, time.Hour},
	}
}

// maxBatchBytes bounds a batch, unless it is one event.
const maxBatchBytes = 8 << 20

// runner delivers to one destination that this process owns. What is read and sent runs in goroutines
// of its own; all else in that of run.
type runner struct {
	Options
	store       Store
	slog        *slog.Logger
	metrics     *destinationMetrics // nil for none
	sender      Sender
	filter      Filter
	limit       *rate.Limiter // nil for none
	destination store.Destination
	lease       store.Lease
	leases      leaseholder
	wake        <-chan struct{}

	log       *logReader
	cursor    int64    // what is settled
	flying    []*batch // of the log, in its order
	order     order
	open      int       // exceptions that are to be delivered
	nextDue   time.Time // of an exception; zero if none is known
	retries   bool      // some are being sent
	checked   time.Time // when the exceptions were looked through last
	replay    *replay   // nil for none
	running   int       // goroutines that will send a completion
	done      chan completion
	span      store.Span
	unsettled unsettled
	pause     time.Duration // between two looks while the log is held up
	polled    time.Time     // when the log was looked at without being woken
	availability
}

// availability is how a destination has answered lately.
type availability struct {
	failures  int // of the destination, in a row
	retryAt   time.Time
	last      Verdict   // of the last failure of the destination
	succeeded time.Time // when it took an event last
}

// batch is a part of the log that is being sent.
type batch struct {
	items []item
	next  int64 // the cursor after it
	sent  bool  // all have a verdict
}

// completion takes over what a goroutine has read or sent.
type completion func(ctx context.Context) error

// run delivers until the context ends, the destination changes or the lease is lost. What is being
// sent when the context ends is finished and settled. It returns the lease.
func (r *runner) run(ctx context.Context) error {
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	stop, stopNow := context.WithCancelCause(ctx)
	defer stopNow(nil)
	stopping := context.AfterFunc(stop, func() {
		time.AfterFunc(r.Stop, func() { cancel(context.Cause(stop)) })
	})
	defer stopping()
	renewing, stopRenewing := context.WithCancel(work)
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		r.leases.renew(renewing, func(cause error) {
			stopNow(cause)
			if errors.Is(cause, store.ErrLeaseLost) {
				cancel(cause)
			}
		})
	}()
	err := r.deliver(stop, work)
	if err != nil {
		cancel(err)
	}
	err = errors.Join(err, r.drain(work, err == nil))
	stopRenewing()
	<-renewed
	if err == nil && ctx.Err() == nil {
		err = context.Cause(stop)
	}
	if errors.Is(err, store.ErrLeaseLost) {
		return err
	}
	returning, done := context.WithTimeout(context.WithoutCancel(ctx), r.Margin)
	defer done()
	return errors.Join(err, r.store.ReturnLease(returning, r.lease))
}

// deliver delivers until one of the contexts ends: nothing new is begun when stop has ended, and
// nothing goes on when work has.
func (r *runner) deliver(stop, work context.Context) error {
	if err := r.load(work); err != nil {
		return err
	}
	for stop.Err() == nil && work.Err() == nil {
		now := time.Now()
		if err := r.settleDue(work, now); err != nil {
			return err
		}
		if err := r.begin(work, now); err != nil {
			return err
		}
		timer := time.NewTimer(r.wait())
		var err error
		select {
		case complete := <-r.done:
			err = r.complete(work, complete)
		case <-timer.C:
			if time.Since(r.polled) >= r.Poll || r.log.held() {
				r.polled = time.Now()
				r.log.wake()
			}
		case <-r.wake:
			r.log.wake()
		case <-stop.Done():
		case <-work.Done():
		}
		timer.Stop()
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) complete(ctx context.Context, complete completion) error {
	r.running--
	return complete(ctx)
}

// start runs work in a goroutine, which returns what is to be done when it has ended.
func (r *runner) start(work func() completion) {
	r.running++
	go func() { r.done <- work() }()
}

// drain waits for what is being read and sent, and settles it as long as that succeeds.
func (r *runner) drain(ctx context.Context, settle bool) error {
	var failure error
	for ; r.running > 0; r.running-- {
		complete := <-r.done
		if settle {
			failure = complete(ctx)
			settle = failure == nil
		}
	}
	if settle {
		failure = r.settleWaiting(ctx)
	}
	return failure
}

// load takes over the state of the destination.
func (r *runner) load(ctx context.Context) error {
	p := &r.destination.Progress
	r.cursor, r.failures = p.Cursor, p.Failures
	r.log.seek(p.Cursor)
	if p.RetryAt != nil {
		r.retryAt = *p.RetryAt
	}
	if p.LastSuccessAt != nil {
		r.succeeded = *p.LastSuccessAt
	}
	r.order = order{
		store: r.store, destination: r.destination.ID, ordering: r.destination.Ordering,
		busy: map[string]int{}, marks: map[string]store.Mark{},
	}
	if err := r.countOpen(ctx); err != nil {
		return err
	}
	if err := r.loadReplay(ctx); err != nil {
		return err
	}
	return r.findDue(ctx)
}

// wait returns for how long nothing has to be done by itself.
func (r *runner) wait() time.Duration {
	wait := r.Poll
	if by, ok := r.unsettled.by(); ok {
		wait = min(wait, max(time.Until(by), 0))
	}
	if until := time.Until(r.retryAt); until > 0 {
		return min(wait, until)
	}
	if !r.nextDue.IsZero() && !r.retries && r.failures == 0 {
		wait = min(wait, max(time.Until(r.nextDue), time.Millisecond))
	}
	if !r.log.held() {
		r.pause = 0
		return wait
	}
	const least, most = time.Millisecond, 50 * time.Millisecond
	r.pause = min(max(least, 2*r.pause), most)
	return min(wait, r.pause)
}

// begin begins to send and to read what it can.
func (r *runner) begin(ctx context.Context, now time.Time) error {
	if now.Before(r.retryAt) || !r.leases.mayUse() {
		return nil
	}
	if r.failures > 0 {
		return r.beginProbe(ctx, now)
	}
	if err := r.recount(ctx, now); err != nil {
		return err
	}
	if err := r.beginRetries(ctx, now, r.batchSize()); err != nil {
		return err
	}
	if err := r.beginLive(ctx); err != nil {
		return err
	}
	return r.beginReplay(ctx, r.batchSize())
}

// beginLive begins to send what follows the cursor.
func (r *runner) beginLive(ctx context.Context) error {
	for len(r.flying) < r.InFlight && r.open < r.MaxOpen && !r.waiting() {
		b, err := r.nextBatch(ctx)
		if err != nil || b == nil {
			return err
		}
		r.send(ctx, b)
	}
	return nil
}

// waiting reports whether the first batch in flight waits for the others: the destination has not
// answered for its end, and what follows shows how far the cursor moves.
func (r *runner) waiting() bool { return len(r.flying) > 0 && r.flying[0].sent }

// batchSize returns how many events are sent together: with a rate, as many as in a tenth of a
// second.
func (r *runner) batchSize() int {
	if r.limit == nil {
		return r.Batch
	}
	return max(1, min(r.Batch, int(r.limit.Limit()/10)))
}

// nextBatch returns the next part of the log, or nil if nothing can be sent now.
func (r *runner) nextBatch(ctx context.Context) (*batch, error) {
	rows, next := r.log.peek(r.batchSize())
	defer r.readAhead(ctx)
	if len(rows) == 0 {
		if len(r.flying) == 0 {
			r.cursor = max(r.cursor, next) // nothing to settle: ids that nobody has
		}
		return nil, nil
	}
	b := &batch{items: make([]item, len(rows)), next: next}
	for i, n := range rows {
		b.items[i] = r.filter.item(n)
	}
	n, err := r.order.prepare(ctx, b.items)
	if err != nil || n == 0 {
		return nil, err
	}
	if n < len(b.items) {
		b.items, b.next = b.items[:n], rows[n-1].ID
	}
	r.log.take(n)
	return b, nil
}

// readAhead reads the log if little of it is left.
func (r *runner) readAhead(ctx context.Context) {
	if read := r.log.read(2 * r.Batch); read != nil {
		r.start(func() completion { return read(ctx) })
	}
}

// send begins to send a batch.
func (r *runner) send(ctx context.Context, b *batch) {
	r.flying = append(r.flying, b)
	r.order.begin(b.items)
	r.start(func() completion {
		r.order.waves(b.items, func(wave []*item) { r.sendWave(ctx, wave) })
		return func(ctx context.Context) error {
			b.sent = true
			return r.settleSent(ctx)
		}
	})
}

// sendWave sends items together.
func (r *runner) sendWave(ctx context.Context, wave []*item) {
	events := make([]Event, len(wave))
	for i, item := range wave {
		events[i] = Event{Notification: *item.notification, Attempt: item.attempt, Stale: item.stale}
	}
	if r.limit != nil {
		_ = r.limit.WaitN(ctx, len(events)) // the sender says that the context has ended
	}
	for i, verdict := range r.sender.Send(ctx, events) {
		wave[i].verdict = verdict
	}
}
