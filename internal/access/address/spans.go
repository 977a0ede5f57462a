package address

import (
	"net/netip"
	"slices"
)

// span is a range of addresses of one family, both ends included.
type span struct{ first, last netip.Addr }

// spans is a sorted list of spans that do not overlap, for a binary search among thousands.
type spans []span

// newSpans merges prefixes, which may be in any order and overlap.
func newSpans(prefixes []netip.Prefix) spans {
	sorted := slices.SortedFunc(slices.Values(prefixes), netip.Prefix.Compare)
	merged := spans{}
	for _, p := range sorted {
		// Prefixes overlap only when one contains the other, and the wider one sorts first.
		if n := len(merged); n > 0 && !merged[n-1].last.Less(p.Addr()) {
			continue
		}
		merged = append(merged, span{p.Addr(), lastOf(p)})
	}
	return merged
}

// lastOf returns the last address of a masked prefix.
func lastOf(p netip.Prefix) netip.Addr {
	bytes := p.Addr().AsSlice()
	for bit := p.Bits(); bit < 8*len(bytes); bit++ {
		bytes[bit/8] |= 0x80 >> (bit % 8)
	}
	last, _ := netip.AddrFromSlice(bytes)
	return last
}

// contains reports whether an address without a zone is in one of the spans. It does not allocate.
func (s spans) contains(addr netip.Addr) bool {
	byFirst := func(s span, addr netip.Addr) int { return s.first.Compare(addr) }
	i, found := slices.BinarySearchFunc(s, addr, byFirst)
	return found || i > 0 && !s[i-1].last.Less(addr)
}
