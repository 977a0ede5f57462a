package simulate

import (
	"math"
	"time"
)

// Curve is when a message that was not acked is tried again. Its zero value tries each message once. Salesforce
// documents the maximum of 2 h and the end after 24 h, and that the interval grows exponentially in between.
type Curve struct {
	// DropAfter is how long a notification is kept in all; 0 tries each message once. It is dropped as soon as no try
	// is left within that time.
	DropAfter time.Duration
	// First is the interval after the first try, 5 s when 0. Not documented: 2 to 5 s, 30 s and 1 min are all said.
	First time.Duration
	// Factor is by how much the interval grows each time, 2 when not above 0. Not documented.
	Factor float64
	// Max is the longest interval, 2 h when 0.
	Max time.Duration
}

// DefaultCurve is what Salesforce does: up to 2 h between tries, for 24 h.
func DefaultCurve() Curve { return Curve{DropAfter: 24 * time.Hour}.withDefaults() }

func (c Curve) withDefaults() Curve {
	if c.First <= 0 {
		c.First = 5 * time.Second
	}
	if !(c.Factor > 0) {
		c.Factor = 2
	}
	if c.Max <= 0 {
		c.Max = 2 * time.Hour
	}
	return c
}

// interval is how long to wait after so many tries.
func (c Curve) interval(tries int) time.Duration {
	interval := float64(c.First) * math.Pow(c.Factor, float64(tries-1))
	return time.Duration(min(interval, float64(c.Max)))
}
