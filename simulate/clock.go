package simulate

import (
	"context"
	"math"
	"time"
)

// Clock is a clock that can run faster than real time, so that a day of retries takes a minute. It
// determines the rate, the retries and the dropping of a [Sender]. The time limit and the latency
// of a delivery are in real time.
type Clock struct {
	start time.Time
	speed float64
}

// NewClock returns a Clock that starts at the current time and runs speed times as fast as real
// time. A speed that is not above 0 counts as 1.
func NewClock(speed float64) *Clock {
	if !(speed > 0) || math.IsInf(speed, 0) {
		speed = 1
	}
	return &Clock{start: time.Now(), speed: speed}
}

// Now returns the clock's time.
func (c *Clock) Now() time.Time {
	return c.start.Add(time.Duration(float64(time.Since(c.start)) * c.speed))
}

// forever is a time to wait that only a change or the context ends.
const forever = time.Duration(math.MaxInt64)

// wait waits until d has passed on the clock or changed is closed. If the context ends, it returns
// the context's error.
func (c *Clock) wait(ctx context.Context, d time.Duration, changed <-chan struct{}) error {
	var over <-chan time.Time
	if d < forever {
		timer := time.NewTimer(max(1, time.Duration(math.Ceil(float64(d)/c.speed))))
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-over:
	case <-changed:
	case <-ctx.Done():
	}
	return ctx.Err()
}
