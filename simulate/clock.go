package simulate

import (
	"context"
	"math"
	"time"
)

// Clock is a time that can run faster than the real one, so that a day of retries takes a minute. A Sender's rate,
// retries and dropping go by it; the time limit and the latency of a delivery are real.
type Clock struct {
	start time.Time
	speed float64
}

// NewClock makes a Clock that shows the real time now and runs speed times as fast from here on; a speed that is not
// above 0 is 1.
func NewClock(speed float64) *Clock {
	if !(speed > 0) || math.IsInf(speed, 0) {
		speed = 1
	}
	return &Clock{start: time.Now(), speed: speed}
}

// Now is the clock's time.
func (c *Clock) Now() time.Time {
	return c.start.Add(time.Duration(float64(time.Since(c.start)) * c.speed))
}

// forever is a wait that only a change ends.
const forever = time.Duration(math.MaxInt64)

// wait waits for d of the clock's time, until something changed, or until the context ends, which is the error.
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
