// Package address determines where a request comes from: it finds the address of a client behind
// trusted proxies, and checks whether the address is in the allowed ranges, such as those that
// Salesforce publishes. It does not decide what happens to the request.
package address

import (
	"fmt"
	"iter"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// PresetHeroku is the name of Heroku's routers in a list of trusted proxies.
const PresetHeroku = "heroku"

// herokuRouters is the range from which requests reach a dyno: only the routers can connect to its
// port, from the runtime's private network (https://devcenter.heroku.com/articles/http-routing).
var herokuRouters = netip.MustParsePrefix("10.0.0.0/8")

// Proxies are the proxies that are trusted to say where a request comes from. Nil trusts none.
type Proxies struct {
	// chain are the proxies that may be anywhere between this server and the client.
	chain []netip.Prefix
	// last are those that are trusted only as the peer of the connection. They add the address of
	// their own peer to X-Forwarded-For; such an address in their range is a client's.
	last []netip.Prefix
}

// ParseProxies parses a list of addresses and CIDR ranges, which may include [PresetHeroku].
func ParseProxies(list []string) (*Proxies, error) {
	p := &Proxies{}
	for _, item := range list {
		if item == PresetHeroku {
			p.last = append(p.last, herokuRouters)
			continue
		}
		prefix, err := parsePrefix(item)
		if err != nil {
			return nil, fmt.Errorf("a trusted proxy must be an address, a range such as 192.0.2.0/24, "+
				"or %s: %w", PresetHeroku, err)
		}
		p.chain = append(p.chain, prefix)
	}
	return p, nil
}

// parsePrefix parses an address or a CIDR range. Its errors quote at most 80 bytes of the text.
func parsePrefix(text string) (netip.Prefix, error) {
	// A zone extends to the end of the text: without the check fe80::%eth0/64 would be an address.
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err != nil || prefix.Addr().Is4In6():
		return netip.Prefix{}, fmt.Errorf("%.80q is not an address or range", text)
	case prefix != prefix.Masked():
		return netip.Prefix{}, fmt.Errorf("%q is not a range but an address within %s",
			text, prefix.Masked())
	}
	return prefix, nil
}

// contains reports whether an address is in one of the prefixes.
func contains(prefixes []netip.Prefix, addr netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// Peer returns the address of the connection's peer, or the invalid address if the request did not
// come over a network.
func Peer(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr().Unmap().WithZone("")
}

// Contains reports whether an address is that of a trusted proxy as the peer of the connection.
func (p *Proxies) Contains(addr netip.Addr) bool {
	return p != nil && (contains(p.last, addr) || contains(p.chain, addr))
}

// Trusts reports whether the peer of the request's connection is a trusted proxy, so that the
// headers that it sets can be relied on.
func (p *Proxies) Trusts(r *http.Request) bool { return p.Contains(Peer(r)) }

// Empty reports whether no proxy is trusted.
func (p *Proxies) Empty() bool { return p == nil || len(p.chain)+len(p.last) == 0 }

// String returns the trusted ranges separated by commas, or none.
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

// Client returns the address of the client: the last one in X-Forwarded-For that is not a trusted
// proxy's. Entries before it were written by the client and are ignored. It returns the invalid
// address if a trusted proxy added an entry that is not an address.
func (p *Proxies) Client(r *http.Request) netip.Addr {
	addr := Peer(r)
	if !p.Trusts(r) {
		return addr
	}
	lines := r.Header.Values("X-Forwarded-For")
	if len(lines) == 1 && strings.TrimSpace(lines[0]) == "" {
		lines = nil // the proxy's own request, such as a health check
	}
	for hop := range backward(lines) {
		if addr = parseHop(hop); !contains(p.chain, addr) {
			return addr
		}
	}
	return addr
}

// Remote returns the address to log a request under: the client's, or the peer's when a proxy does
// not say whose it passes on.
func (p *Proxies) Remote(r *http.Request) string {
	addr := p.Client(r)
	if !addr.IsValid() {
		addr = Peer(r)
	}
	return addr.String()
}

// backward returns an iterator over the entries of a header's lines, the last one first. It splits
// lazily: a client may send many entries, but only those that proxies added are read.
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

// parseHop parses an address as proxies write it: with or without a port, and with or without
// brackets around IPv6. It returns the invalid address if the text is not one.
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
