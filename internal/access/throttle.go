package access

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"
)

// throttleSlots is the size of a Throttle's table, which takes 64 KiB.
const throttleSlots = 8192

// Throttle bounds how often an address may do something: an IPv4 address, or a /64 of IPv6. Its memory is the same
// however many addresses come: they share a table by their hash. Two that have the same slot share what it allows, so
// that a throttle is only for what no honest sender does. Which addresses share a slot cannot be told from outside.
type Throttle struct {
	seed  maphash.Seed
	each  time.Duration // what one takes of the time that its address has
	burst time.Duration // the time that an address has at most
	slots [throttleSlots]atomic.Int64
}

// NewThrottle makes a Throttle that allows an address so many a second, and so many at once when it has been quiet.
// Both are above 0.
func NewThrottle(rate float64, burst int) *Throttle {
	each := time.Duration(float64(time.Second) / rate)
	return &Throttle{seed: maphash.MakeSeed(), each: each, burst: time.Duration(burst) * each}
}

// Allow tells whether an address may do it now. What it may not do does not count.
//
// A slot holds the time, in nanoseconds since 1970, at which its bucket of tokens is full again: zero, long ago, is a
// full one. This is the generic cell rate algorithm of ITU-T I.371.
func (t *Throttle) Allow(addr netip.Addr, now time.Time) bool {
	key := network(addr).As16()
	slot := &t.slots[maphash.Bytes(t.seed, key[:])%throttleSlots]
	for {
		full, at := slot.Load(), now.UnixNano()
		latest := at + int64(t.burst)
		from := max(full, at)
		if full > latest { // the clock was put back: nobody is kept out until it has caught up
			from = at
		}
		next := from + int64(t.each)
		if next > latest {
			return false
		}
		if slot.CompareAndSwap(full, next) {
			return true
		}
	}
}
