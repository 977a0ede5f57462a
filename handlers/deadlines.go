package handlers

import (
	"context"
	"sync"
	"time"
)

// deadlines makes contexts that end after a timeout. All that are asked for within a hundredth of
// the timeout are one and the same, so that no message pays for a timer and a channel of its own.
// Nobody can end a context that others have, so it may outlive a request.
type deadlines struct {
	timeout time.Duration

	mu    sync.Mutex
	ctx   context.Context
	until time.Time // from then on a new one is made
}

// deadlineShare is the part of the timeout in which a context is shared: the last that gets it has
// so much less time.
const deadlineShare = 100

// next returns a context that ends when the timeout is over, or a hundredth of it earlier.
func (d *deadlines) next(now time.Time) context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ctx == nil || !now.Before(d.until) {
		ctx, cancel := context.WithTimeout(context.Background(), d.timeout)
		context.AfterFunc(ctx, cancel) // it ends by itself, and never before
		d.ctx, d.until = ctx, now.Add(d.timeout/deadlineShare)
	}
	return d.ctx
}
