package access

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"
)

// rateLimiterSlots is the size of a RateLimiter's table, which takes 64 KiB.
const rateLimiterSlots = 8192

// RateLimiter limits how often each address may do something, by a token bucket per address. An
// address is an IPv4 address or a /64 of IPv6.
//
// Its memory is constant: the buckets are the slots of a hash table without collision handling.
// Addresses with the same slot share one bucket, so a RateLimiter is only for what legitimate
// senders do not do. The hash is seeded at random, so clients cannot compute which addresses
// share a slot.
type RateLimiter struct {
	seed     maphash.Seed
	interval time.Duration // in which one token is added to a bucket
	burst    time.Duration // in which an empty bucket fills up
	slots    [rateLimiterSlots]atomic.Int64
}

// NewRateLimiter returns a RateLimiter that allows each address rate events a second and bursts of
// burst events. Both must be above 0.
func NewRateLimiter(rate float64, burst int) *RateLimiter {
	interval := time.Duration(float64(time.Second) / rate)
	return &RateLimiter{
		seed:     maphash.MakeSeed(),
		interval: interval,
		burst:    time.Duration(burst) * interval,
	}
}

// Allow reports whether an event of the address is allowed now. Events that are not allowed take no
// token.
//
// A slot holds the time, in nanoseconds since 1970, at which its bucket is full; the zero value is
// a full bucket. This is the generic cell rate algorithm of ITU-T I.371.
func (l *RateLimiter) Allow(addr netip.Addr, now time.Time) bool {
	key := network(addr).As16()
	slot := &l.slots[maphash.Bytes(l.seed, key[:])%rateLimiterSlots]
	for {
		full, at := slot.Load(), now.UnixNano()
		latest := at + int64(l.burst)
		from := max(full, at)
		if full > latest { // the clock was set back: do not refuse until it has caught up
			from = at
		}
		next := from + int64(l.interval)
		if next > latest {
			return false
		}
		if slot.CompareAndSwap(full, next) {
			return true
		}
	}
}
