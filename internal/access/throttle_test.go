package access_test

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"ackbox/internal/access"
)

var noon = time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)

// ipv4 is one of many IPv4 addresses.
func ipv4(n int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(n))
	return netip.AddrFrom4(b)
}

// allowed is how many of some tries in a row are allowed.
func allowed(t *access.Throttle, addr netip.Addr, now time.Time, tries int) int {
	n := 0
	for range tries {
		if t.Allow(addr, now) {
			n++
		}
	}
	return n
}

func TestAThrottleRefillsWithTime(t *testing.T) {
	t.Parallel()
	throttle := access.NewThrottle(2, 5)
	addr := netip.MustParseAddr("192.0.2.1")
	for _, step := range []struct {
		after time.Duration // since noon
		want  int           // of 10 tries
	}{
		{0, 5},
		{0, 0},
		{499 * time.Millisecond, 0},
		{500 * time.Millisecond, 1},
		{1500 * time.Millisecond, 2},
		{time.Hour, 5},
	} {
		if got := allowed(throttle, addr, noon.Add(step.after), 10); got != step.want {
			t.Errorf("after %s: got %d, want %d", step.after, got, step.want)
		}
	}
}

func TestAClockThatIsPutBackKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	throttle := access.NewThrottle(1, 3)
	addr := netip.MustParseAddr("192.0.2.1")
	allowed(throttle, addr, noon, 10)
	if got := allowed(throttle, addr, noon.Add(-time.Hour), 10); got != 3 {
		t.Errorf("got %d an hour before, want 3", got)
	}
}

func TestAThrottleHurtsOnlyItsAddress(t *testing.T) {
	t.Parallel()
	throttle := access.NewThrottle(1, 5)
	allowed(throttle, ipv4(0), noon, 1_000_000)
	const others = 1000
	kept := 0
	for i := range others {
		if allowed(throttle, ipv4(i+1), noon, 1) == 1 {
			kept++
		}
	}
	if kept < others-10 { // now and then one has the same slot
		t.Errorf("got %d of %d others through", kept, others)
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
		{"none", "192.0.2.1", "", false},
	} {
		// Two networks may have the same slot, but not in each of several tables.
		same := true
		for range 4 {
			throttle := access.NewThrottle(1, 1)
			allowed(throttle, netip.MustParseAddr(test.first), noon, 1)
			second, _ := netip.ParseAddr(test.second)
			same = same && allowed(throttle, second, noon, 1) == 0
		}
		if same != test.same {
			t.Errorf("%s: got the same allowance %t, want %t", test.name, same, test.same)
		}
	}
}

// What an attacker finds out about one process is of no use with another, nor after a restart.
func TestNobodyCanAimAtAnotherAddress(t *testing.T) {
	t.Parallel()
	const burst = 100 // more than the search takes of any slot
	victim := netip.MustParseAddr("192.0.2.1")
	first, second := access.NewThrottle(1, burst), access.NewThrottle(1, burst)
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
		t.Errorf("got %d addresses that share the slot, %d of them in both tables", found, again)
	}
}

// It counts what is allocated, so that no other test may run meanwhile.
func TestAThrottleDoesNotGrow(t *testing.T) { //nolint:paralleltest // see above
	throttle := access.NewThrottle(1, 5)
	grown := testing.AllocsPerRun(1, func() {
		for i := range 10_000_000 {
			throttle.Allow(ipv4(i), noon)
		}
	})
	if grown > 0 {
		t.Errorf("10 million addresses made it allocate %v times", grown)
	}
}

func TestAThrottleHoldsUnderConcurrency(t *testing.T) {
	t.Parallel()
	throttle := access.NewThrottle(1, 100)
	through := make(chan int)
	for range 8 {
		go func() { through <- allowed(throttle, ipv4(1), noon, 1000) }()
	}
	sum := 0
	for range 8 {
		sum += <-through
	}
	if sum != 100 {
		t.Errorf("got %d through, want 100", sum)
	}
}
