package simulate

import (
	"math"
	"time"
)

// Curve describes when a message that was not acked is retried. The zero value delivers each
// message once. Salesforce documents that the interval grows exponentially to a maximum of 2 h, and
// that a message is dropped after 24 h.
type Curve struct {
	// DropAfter is the lifetime of a notification; 0 delivers each message once. A notification is
	// dropped as soon as its next try would be after that time.
	DropAfter time.Duration
	// First is the interval after the first try, 5 s when 0. Not documented: sources name 2 to 5 s,
	// 30 s and 1 min.
	First time.Duration
	// Factor is the factor by which the interval grows with each try, 2 when not above 0. Not
	// documented.
	Factor float64
	// Max is the longest interval, 2 h when 0.
	Max time.Duration
}

// DefaultCurve returns Salesforce's curve: intervals of up to 2 h, for 24 h.
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

// interval returns how long to wait after that many tries.
func (c Curve) interval(tries int) time.Duration {
	interval := float64(c.First) * math.Pow(c.Factor, float64(tries-1))
	return time.Duration(min(interval, float64(c.Max)))
}
