package access_test

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"ackbox/internal/access"
)

var noon = time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)

// ipv4 returns the nth IPv4 address.
func ipv4(n int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(n))
	return netip.AddrFrom4(b)
}

// allowed returns how many of several events at one time are allowed.
func allowed(l *access.RateLimiter, addr netip.Addr, now time.Time, events int) int {
	n := 0
	for range events {
		if l.Allow(addr, now) {
			n++
		}
	}
	return n
}

func TestRateLimiterRefills(t *testing.T) {
	t.Parallel()
	limiter := access.NewRateLimiter(2, 5)
	addr := netip.MustParseAddr("192.0.2.1")
	for _, step := range []struct {
		after time.Duration // since noon
		want  int           // of 10 events
	}{
		{0, 5},
		{0, 0},
		{499 * time.Millisecond, 0},
		{500 * time.Millisecond, 1},
		{1500 * time.Millisecond, 2},
		{time.Hour, 5},
	} {
		if got := allowed(limiter, addr, noon.Add(step.after), 10); got != step.want {
			t.Errorf("after %s: got %d, want %d", step.after, got, step.want)
		}
	}
}

func TestRateLimiterAllowsAfterTheClockIsSetBack(t *testing.T) {
	t.Parallel()
	limiter := access.NewRateLimiter(1, 3)
	addr := netip.MustParseAddr("192.0.2.1")
	allowed(limiter, addr, noon, 10)
	if got := allowed(limiter, addr, noon.Add(-time.Hour), 10); got != 3 {
		t.Errorf("got %d an hour before, want 3", got)
	}
}

func TestRateLimiterLimitsOneAddressOnly(t *testing.T) {
	t.Parallel()
	limiter := access.NewRateLimiter(1, 5)
	allowed(limiter, ipv4(0), noon, 1_000_000)
	const others = 1000
	kept := 0
	for i := range others {
		if allowed(limiter, ipv4(i+1), noon, 1) == 1 {
			kept++
		}
	}
	if kept < others-10 { // a few share the slot
		t.Errorf("got %d of %d others allowed", kept, others)
	}
}

func TestAllAddressesOfANetworkAreOne(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, first, second string
		same                bool
	}{
		{"one /64", "2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true},
		{"another /64", "2001:db8::1", "2001:db8:0:1::1", false},
		{"another zone", "fe80::1%eth0", "fe80::2%eth1", true},
		{"IPv4 within IPv6", "192.0.2.1", "::ffff:192.0.2.1", true},
		{"two of IPv4", "192.0.2.1", "192.0.2.2", false},
		{"two of IPv4 within IPv6", "::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
		{"no address", "192.0.2.1", "", false},
	} {
		// Two networks may share a slot in one table, but hardly in each of four.
		same := true
		for range 4 {
			limiter := access.NewRateLimiter(1, 1)
			allowed(limiter, netip.MustParseAddr(test.first), noon, 1)
			second, _ := netip.ParseAddr(test.second)
			same = same && allowed(limiter, second, noon, 1) == 0
		}
		if same != test.same {
			t.Errorf("%s: got one bucket %t, want %t", test.name, same, test.same)
		}
	}
}

// Addresses that share a slot in one process do not share one in another, nor after a restart.
func TestNobodyCanAimAtAnotherAddress(t *testing.T) {
	t.Parallel()
	const burst = 100 // more events than the search causes in any slot
	victim := netip.MustParseAddr("192.0.2.1")
	first, second := access.NewRateLimiter(1, burst), access.NewRateLimiter(1, burst)
	allowed(first, victim, noon, burst)
	allowed(second, victim, noon, burst)
	var found, again int
	for i := range 1 << 17 {
		if first.Allow(ipv4(i), noon) {
			continue
		}
		found++
		if !second.Allow(ipv4(i), noon) {
			again++
		}
	}
	if found == 0 || again > 3 {
		t.Errorf("got %d addresses that share the slot, %d of them in both tables, "+
			"want some, and at most 3 in both", found, again)
	}
}

// The test counts allocations, so no other test may run meanwhile.
func TestAThrottleDoesNotGrow(t *testing.T) { //nolint:paralleltest // see above
	limiter := access.NewRateLimiter(1, 5)
	allocations := testing.AllocsPerRun(1, func() {
		for i := range 10_000_000 {
			limiter.Allow(ipv4(i), noon)
		}
	})
	if allocations > 0 {
		t.Errorf("got %v allocations with 10 million addresses, want none", allocations)
	}
}

func TestRateLimiterUnderConcurrency(t *testing.T) {
	t.Parallel()
	limiter := access.NewRateLimiter(1, 100)
	counts := make(chan int)
	for range 8 {
		go func() { counts <- allowed(limiter, ipv4(1), noon, 1000) }()
	}
	sum := 0
	for range 8 {
		sum += <-counts
	}
	if sum != 100 {
		t.Errorf("got %d allowed, want 100", sum)
	}
}
