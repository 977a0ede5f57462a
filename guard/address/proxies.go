// Package address knows where a request comes from: the address of a client behind trusted proxies, and whether it is
// one of those that are allowed, such as the ranges that Salesforce publishes.
package address

import (
	"fmt"
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

// parsePrefix reads an address or a CIDR range.
func parsePrefix(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		addr = addr.Unmap().WithZone("")
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil || prefix != prefix.Masked() || prefix.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("%q is no address and no range", text)
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
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop := strings.TrimSpace(hops[i])
		if hop == "" && len(hops) == 1 { // no such header: it is the proxy's own request, such as a health check
			return addr
		}
		addr = parseHop(hop)
		if !contains(p.chain, addr) {
			return addr
		}
	}
	return addr
}

// parseHop reads an address as proxies write it, some with a port. What cannot be read gives the invalid address.
func parseHop(text string) netip.Addr {
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return withPort.Addr().Unmap().WithZone("")
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}
