package relay

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"ackbox/store"
)

// Database is what a relay needs of the database.
type Database interface {
	Store
	Destinations(ctx context.Context) ([]store.Destination, error)
	TakeLease(ctx context.Context, destination int64) (lease store.Lease, ok bool, err error)
	AfterCommit(wake func())
	Announcements(ctx context.Context, wake func())
}

// Open returns the sender of a destination and what the destination wants. It fails with
// [ErrNotHere] if this process cannot deliver to it.
type Open func(d store.Destination) (Sender, Filter, error)

// ErrNotHere means that a process lacks the kind of a destination, its function or its secret, so
// that another may own it.
var ErrNotHere = errors.New("this process cannot deliver to the destination")

// Relay delivers to all destinations that no other process owns.
type Relay struct {
	// Metrics are counted if they are not nil. They must be set before [Relay.Run].
	Metrics *Metrics

	database Database
	tail     *tail
	slog     *slog.Logger
	open     Open
	options  Options

	mu       sync.Mutex
	owned    map[int64]chan struct{} // wakes the runner of a destination
	failures map[int64]failures      // of runners
}

// failures counts how often in a row the runner of a destination failed for our own reasons. Each
// time, what it has sent may not be settled, and is sent again.
type failures struct {
	n       int
	retryAt time.Time
}

// New returns a relay. Its runners are woken after each commit of this process.
func New(db Database, log *store.NotificationLog, logger *slog.Logger, open Open, o Options) *Relay {
	r := &Relay{
		database: db, tail: newTail(log), slog: logger, open: open, options: o, owned: map[int64]chan struct{}{},
		failures: map[int64]failures{},
	}
	db.AfterCommit(r.wake)
	return r
}

// wake wakes all runners.
func (r *Relay) wake() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, wake := range r.owned {
		select {
		case wake <- struct{}{}:
		default: // it is awake
		}
	}
}

// Run delivers until the context ends, and returns when what was being sent is settled.
func (r *Relay) Run(ctx context.Context) error {
	var runners sync.WaitGroup
	defer runners.Wait()
	runners.Go(func() { r.database.Announcements(ctx, r.wake) })
	ticker := time.NewTicker(r.options.Poll)
	defer ticker.Stop()
	for failing := false; ; {
		err := r.takeAll(ctx, &runners)
		if (err != nil) != failing && ctx.Err() == nil {
			if failing = err != nil; failing {
				r.slog.Warn("destinations not read", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// takeAll takes over the destinations that nobody owns and starts to deliver to them.
func (r *Relay) takeAll(ctx context.Context, runners *sync.WaitGroup) error {
	all, err := r.database.Destinations(ctx)
	if err != nil {
		return err
	}
	var failures error
	for _, d := range all {
		if d.State == store.Active && r.mayTake(d.ID) {
			failures = errors.Join(failures, r.take(ctx, d.ID, d.Name, runners))
		}
	}
	return failures
}

func (r *Relay) mayTake(destination int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.owned[destination] == nil && !time.Now().Before(r.failures[destination].retryAt)
}

// ended records that a runner has ended, and whether that was a failure.
func (r *Relay) ended(destination int64, failed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.owned, destination)
	if !failed {
		delete(r.failures, destination)
		return
	}
	n := r.failures[destination].n + 1
	r.failures[destination] = failures{n, time.Now().Add(r.options.Down.after(n, 0))}
}

// take takes over a destination, reads it anew, as it was when it was listed may be long ago, and
// delivers to it in the background.
func (r *Relay) take(ctx context.Context, id int64, name string, runners *sync.WaitGroup) error {
	taken := time.Now()
	lease, ok, err := r.database.TakeLease(ctx, id)
	if err != nil || !ok {
		return err
	}
	wake := make(chan struct{}, 1)
	r.mu.Lock()
	r.owned[id] = wake
	r.mu.Unlock()
	runners.Go(func() {
		switch err := r.deliver(ctx, taken, lease, wake); {
		case err == nil, ctx.Err() != nil, errors.Is(err, errReload):
			r.ended(id, false)
		case errors.Is(err, ErrNotHere):
			r.ended(id, true)
		default:
			r.slog.Warn("delivery interrupted, begins anew", "destination", name, "error", err)
			r.ended(id, true)
		}
	})
	return nil
}

func (r *Relay) deliver(ctx context.Context, taken time.Time, lease store.Lease, wake <-chan struct{}) error {
	log, err := newLogReader(ctx, r.tail) // before the cursor is read
	if err != nil {
		return errors.Join(err, r.database.ReturnLease(ctx, lease))
	}
	d, err := r.read(ctx, lease.Destination)
	if err != nil {
		return errors.Join(err, r.database.ReturnLease(ctx, lease))
	}
	sender, filter, err := r.open(d)
	if err != nil {
		return errors.Join(err, r.database.ReturnLease(ctx, lease))
	}
	defer sender.Close()
	run := &runner{
		Options: r.options, store: r.database, log: log, slog: r.slog, sender: sender, filter: filter,
		destination: d, lease: lease, wake: wake, done: make(chan completion), metrics: r.Metrics.of(d.Name),
	}
	if d.Rate > 0 {
		run.limit = newLimiter(d.Rate, r.options.Batch)
	}
	run.leases.runner = run
	run.leases.took(taken)
	return run.run(ctx)
}

func (r *Relay) read(ctx context.Context, id int64) (store.Destination, error) {
	all, err := r.database.Destinations(ctx)
	for _, d := range all {
		if d.ID == id {
			return d, err
		}
	}
	return store.Destination{}, errors.Join(err, store.ErrLeaseLost) // it was removed
}
