package doctor

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"ackbox/simulate"
)

// checkDNS looks up the host's addresses and checks whether Salesforce can reach them.
func (e *examination) checkDNS(ctx context.Context) Check {
	if address, err := netip.ParseAddr(e.host); err == nil {
		e.addresses = []netip.Addr{address.Unmap()}
	} else if failed := e.lookup(ctx); failed != nil {
		return *failed
	}
	if local := slices.DeleteFunc(slices.Clone(e.addresses), isPublic); len(local) > 0 {
		return Check{
			Status: Warn, Found: list(local) + ": an address of this machine or of a private network",
			Todo: "Salesforce connects from the internet and cannot reach it: give the listener a " +
				"public address, and run this again with its URL",
		}
	}
	if !slices.ContainsFunc(e.addresses, netip.Addr.Is4) {
		return Check{
			Status: Warn, Found: list(e.addresses) + ": no IPv4 address",
			Todo: "add an IPv4 address: Salesforce does not document that it connects over IPv6",
		}
	}
	return pass("%s", list(e.addresses))
}

func (e *examination) lookup(ctx context.Context) *Check {
	ctx, cancel := context.WithTimeout(ctx, e.Timeout)
	defer cancel()
	found, err := e.LookupIP(ctx, e.host)
	if err == nil && len(found) > 0 {
		for _, address := range found {
			e.addresses = append(e.addresses, address.Unmap())
		}
		return nil
	}
	check := Check{
		Status: Fail, Found: "the name " + e.host + " does not exist",
		Salesforce: simulate.ReasonHost + ": " + e.host,
		Todo:       "check the spelling, and the name's A record in the public DNS",
	}
	var dns *net.DNSError
	if err != nil && (!errors.As(err, &dns) || !dns.IsNotFound) {
		check.Found = "the name " + e.host + " cannot be looked up from here"
		check.Todo = "check this machine's DNS resolver; if other machines can look it up, the " +
			"name's servers are fine"
	}
	check = e.block("the host has no address", check)
	return &check
}

// sharedAddresses are the addresses within providers' networks (RFC 6598).
var sharedAddresses = netip.MustParsePrefix("100.64.0.0/10")

func isPublic(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && !sharedAddresses.Contains(a)
}

func list(addresses []netip.Addr) string {
	texts := make([]string, len(addresses))
	for i, a := range addresses {
		texts[i] = a.String()
	}
	return strings.Join(texts, ", ")
}

// dialed is the result of connecting to one address.
type dialed struct {
	address netip.AddrPort
	took    time.Duration
	err     error
}

// checkTCP connects to every address, because Salesforce may use any of them.
func (e *examination) checkTCP(ctx context.Context) Check {
	all := e.dialAll(ctx)
	good := slices.DeleteFunc(slices.Clone(all), func(d dialed) bool { return d.err != nil })
	bad := slices.DeleteFunc(slices.Clone(all), func(d dialed) bool { return d.err == nil })
	if len(good) == 0 {
		return e.block("there is no connection", refusedConnection(bad))
	}
	e.address = good[0].address
	// A machine without IPv6 cannot check such addresses.
	bad = slices.DeleteFunc(bad, func(d dialed) bool {
		return d.address.Addr().Is6() && isUnreachable(d.err)
	})
	if len(bad) > 0 {
		check := refusedConnection(bad)
		check.Status = Warn
		check.Found += "; connected to " + e.address.String()
		check.Todo = "Salesforce may use any of the name's addresses: make this one listen, or " +
			"remove it from the DNS"
		return check
	}
	return pass("connected to %s in %s", e.address, rounded(good[0].took))
}

func (e *examination) dialAll(ctx context.Context) []dialed {
	ctx, cancel := context.WithTimeout(ctx, e.Timeout)
	defer cancel()
	all := make([]dialed, len(e.addresses))
	var group sync.WaitGroup
	for i, address := range e.addresses {
		group.Go(func() {
			started := e.Now()
			to := netip.AddrPortFrom(address, uint16(e.port))
			conn, err := e.Dial(ctx, "tcp", to.String())
			if err == nil {
				_ = conn.Close()
			}
			all[i] = dialed{to, e.Now().Sub(started), err}
		})
	}
	group.Wait()
	return all
}

// refusedConnection returns the check of addresses that accept no connection. It describes the
// first of them.
func refusedConnection(bad []dialed) Check {
	where := bad[0].address.String()
	switch err := bad[0].err; {
	case errors.Is(err, syscall.ECONNREFUSED):
		return Check{
			Status: Fail, Found: where + " refuses connections", Salesforce: simulate.ReasonRefused,
			Todo: "start the listener, and check that it listens on port " +
				strconv.Itoa(int(bad[0].address.Port())) +
				" of that address and not only on a loopback address",
		}
	case isTimeout(err):
		return Check{
			Status: Fail, Found: where + " does not answer", Salesforce: reasonConnectTimeout,
			Todo: "check the firewall and the routing; this machine must be allowed to connect to it too",
		}
	case isUnreachable(err):
		return Check{
			Status: Fail, Found: "there is no route to " + where, Salesforce: reasonNoRoute,
			Todo: "check the address in the DNS and the routing; this machine needs a route to it too",
		}
	case errors.Is(err, syscall.ECONNRESET):
		return Check{
			Status: Fail, Found: where + " resets connections", Salesforce: simulate.ReasonReset,
			Todo: "check the firewall or proxy in front of the listener",
		}
	}
	return Check{
		Status: Fail, Found: "there is no connection to " + where, Salesforce: simulate.ReasonConnection,
		Todo: "check that this machine is allowed to connect to it",
	}
}

func isUnreachable(err error) bool {
	return errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH) ||
		errors.Is(err, syscall.EADDRNOTAVAIL)
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// dial connects to the address that accepted a connection before, so that all checks reach the same
// machine.
func (e *examination) dial(ctx context.Context) (net.Conn, error) {
	return e.Dial(ctx, "tcp", e.address.String())
}

// rounded rounds a duration for people to read.
func rounded(d time.Duration) time.Duration {
	switch {
	case d > 10*time.Second:
		return d.Round(time.Second)
	case d > time.Second:
		return d.Round(100 * time.Millisecond)
	}
	return max(d.Round(time.Millisecond), time.Millisecond)
}
