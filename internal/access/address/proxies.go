// Package address knows where a request comes from: the address of a client behind trusted proxies, and whether it is
// one of those that are allowed, such as the ranges that Salesforce publishes.
package address

import (
	"fmt"
	"iter"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// PresetHeroku stands for Heroku's routers in a list of trusted proxies.
const PresetHeroku = "heroku"

// herokuRouters are the addresses that a dyno's requests come from: nothing but the routers reaches a dyno's port, from
// within the runtime's own network (https://devcenter.heroku.com/articles/http-routing).
var herokuRouters = netip.MustParsePrefix("10.0.0.0/8")

// Proxies are the ones whose word is taken for where a request comes from. Nil trusts nobody.
type Proxies struct {
	// chain are those that may stand anywhere between us and the client.
	chain []netip.Prefix
	// last are those that only count next to us. Each adds the address that it was connected from, so whoever connects
	// to it from an address such as theirs is a client like others.
	last []netip.Prefix
}

// ParseProxies reads a list of addresses and CIDR ranges, among which may be [PresetHeroku].
func ParseProxies(list []string) (*Proxies, error) {
	p := &Proxies{}
	for _, item := range list {
		if item == PresetHeroku {
			p.last = append(p.last, herokuRouters)
			continue
		}
		prefix, err := parsePrefix(item)
		if err != nil {
			return nil, fmt.Errorf("a trusted proxy is an address, a range such as 192.0.2.0/24, or %s: %w", PresetHeroku, err)
		}
		p.chain = append(p.chain, prefix)
	}
	return p, nil
}

// parsePrefix reads an address or a CIDR range. Its errors show the first 80 bytes of the text.
func parsePrefix(text string) (netip.Prefix, error) {
	// A zone does not count, and takes up all that follows: fe80::%eth0/64 would be an address.
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err != nil || prefix.Addr().Is4In6():
		return netip.Prefix{}, fmt.Errorf("%.80q is no address and no range", text)
	case prefix != prefix.Masked():
		return netip.Prefix{}, fmt.Errorf("%q is no range, but an address within %s", text, prefix.Masked())
	}
	return prefix, nil
}

// contains tells whether an address is in one of the prefixes.
func contains(prefixes []netip.Prefix, addr netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// Peer is the address that the request's connection comes from; invalid when the request came by no network.
func Peer(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr().Unmap().WithZone("")
}

// Contains tells whether an address is that of a trusted proxy next to us.
func (p *Proxies) Contains(addr netip.Addr) bool {
	return p != nil && (contains(p.last, addr) || contains(p.chain, addr))
}

// Trusts tells whether the request was passed on by a trusted proxy, so that its headers can be believed.
func (p *Proxies) Trusts(r *http.Request) bool { return p.Contains(Peer(r)) }

// Empty tells whether nobody is trusted.
func (p *Proxies) Empty() bool { return p == nil || len(p.chain)+len(p.last) == 0 }

// String names those that are trusted, for a log.
func (p *Proxies) String() string {
	var names []string
	if p != nil {
		for _, prefix := range slices.Concat(p.last, p.chain) {
			names = append(names, prefix.String())
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ",")
}

// Client is the address of who made the request: the last one of X-Forwarded-For, read from its end, that is no trusted
// proxy. Whatever stands before it was written by the client, and counts for nothing. It is invalid when a trusted
// proxy says something that is no address.
func (p *Proxies) Client(r *http.Request) netip.Addr {
	addr := Peer(r)
	if !p.Trusts(r) {
		return addr
	}
	lines := r.Header.Values("X-Forwarded-For")
	if len(lines) == 1 && strings.TrimSpace(lines[0]) == "" {
		lines = nil // as without: it is the proxy's own request, such as a health check
	}
	for hop := range backward(lines) {
		if addr = parseHop(hop); !contains(p.chain, addr) {
			return addr
		}
	}
	return addr
}

// backward are the entries of a header's lines, the last one first. They are found one by one: a client may have sent a
// great many, of which only those are looked at that proxies added.
func backward(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range slices.Backward(lines) {
			for comma := len(line); comma >= 0; {
				line = line[:comma]
				comma = strings.LastIndexByte(line, ',')
				if !yield(strings.TrimSpace(line[comma+1:])) {
					return
				}
			}
		}
	}
}

// parseHop reads an address as proxies write it, some with a port, some with brackets around IPv6. What cannot be read
// gives the invalid address.
func parseHop(text string) netip.Addr {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		var withPort netip.AddrPort
		if withPort, err = netip.ParseAddrPort(text); err != nil {
			withPort, _ = netip.ParseAddrPort(text + ":0")
		}
		addr = withPort.Addr()
	}
	return addr.Unmap().WithZone("")
}
