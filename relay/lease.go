package relay

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"ackbox/store"
)

// leaseholder keeps the lease of a destination.
type leaseholder struct {
	*runner
	ends atomic.Pointer[time.Time] // by the monotonic clock
}

// errReload means that the destination was edited, paused or disabled.
var errReload = errors.New("the destination has changed")

// mayUse reports whether the lease lasts for long enough to send something.
func (l *leaseholder) mayUse() bool { return time.Until(*l.ends.Load()) >= l.Margin }

// took is called when the lease was taken, at a time before that.
func (l *leaseholder) took(at time.Time) {
	ends := at.Add(store.LeaseTime)
	l.ends.Store(&ends)
}

// renew renews the lease until the context ends, and looks more often whether the destination has
// changed. It ends the work then, and when another has the lease.
func (l *leaseholder) renew(ctx context.Context, end context.CancelCauseFunc) {
	ticker := time.NewTicker(min(l.Poll, l.Renew))
	defer ticker.Stop()
	for renewed := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := time.Now()
		due := now.Sub(renewed) >= l.Renew
		var generation int64
		var active bool
		var err error
		if due {
			generation, active, err = l.store.RenewLease(ctx, l.lease)
		} else {
			generation, active, err = l.store.Generation(ctx, l.lease)
		}
		switch {
		case errors.Is(err, store.ErrLeaseLost):
			end(err)
			return
		case err != nil && ctx.Err() != nil:
			return
		case err != nil: // tried again; nothing is sent when it lasts for too long
			l.slog.Warn("lease not renewed", "destination", l.destination.Name, "error", err)
		case !active || generation != l.destination.Generation:
			end(errReload)
			return
		case due:
			renewed = now
			l.took(now)
		}
	}
}
