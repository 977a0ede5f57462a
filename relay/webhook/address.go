package webhook

import (
	"net/netip"
	"syscall"
)

// refusedAddress is the error for an address that webhooks may not be sent to.
type refusedAddress struct{ addr netip.Addr }

func (e *refusedAddress) Error() string {
	return "the host's address " + e.addr.String() + " is not a public one; --allow-private allows it"
}

// notPublic are the networks beside those that netip knows which are not on the public internet, or
// that lead to such: https://www.iana.org/assignments/iana-ipv4-special-registry and
// iana-ipv6-special-registry.
var notPublic = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "240.0.0.0/4",
	"64:ff9b::/96", "64:ff9b:1::/48", // NAT64: an IPv4 address is in it
	"100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
)

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// isPublic reports whether an address is one of the public internet.
func isPublic(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return false
	}
	for _, p := range notPublic {
		if p.Contains(addr) {
			return false
		}
	}
	return true
}

// refusePrivate is called by a [net.Dialer] before it connects to an address, after the name was
// resolved: so no name leads to one that is not public.
func refusePrivate(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if !isPublic(at.Addr()) {
		return &refusedAddress{at.Addr().Unmap()}
	}
	return nil
}
