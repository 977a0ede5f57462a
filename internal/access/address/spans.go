package address

import (
	"net/netip"
	"slices"
)

// span is all addresses of one family from the first to the last.
type span struct{ first, last netip.Addr }

// spans are sorted and do not overlap, so that a binary search finds an address among thousands.
type spans []span

// newSpans joins prefixes, in whatever order, that may overlap.
func newSpans(prefixes []netip.Prefix) spans {
	sorted := slices.SortedFunc(slices.Values(prefixes), netip.Prefix.Compare)
	joined := spans{}
	for _, p := range sorted {
		// Prefixes overlap only when one holds the other, and the wider one sorts first.
		if n := len(joined); n > 0 && !joined[n-1].last.Less(p.Addr()) {
			continue
		}
		joined = append(joined, span{p.Addr(), lastOf(p)})
	}
	return joined
}

// lastOf is the last address of a prefix, which is a masked one.
func lastOf(p netip.Prefix) netip.Addr {
	bytes := p.Addr().AsSlice()
	for bit := p.Bits(); bit < 8*len(bytes); bit++ {
		bytes[bit/8] |= 0x80 >> (bit % 8)
	}
	last, _ := netip.AddrFromSlice(bytes)
	return last
}

// contains tells whether an address, without a zone, is in one of the spans. It allocates nothing.
func (s spans) contains(addr netip.Addr) bool {
	i, begins := slices.BinarySearchFunc(s, addr, func(s span, addr netip.Addr) int { return s.first.Compare(addr) })
	return begins || i > 0 && !s[i-1].last.Less(addr)
}
