package access

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// Connections limits how many connections are open at once. When a new connection exceeds the
// limit, one connection is closed: of the address with the most connections, the one that has
// waited longest for a request. A flood from one address therefore closes only its own connections.
// An address loses its only connection only when no address has more than one. No message is lost:
// Salesforce resends what was not acknowledged.
//
// An address is an IPv4 address or a /64 of IPv6. Below the limit it may have any number of
// connections: behind a proxy all clients have one address.
type Connections struct {
	limit   int
	trusted func(netip.Addr) bool

	mu       sync.Mutex
	groups   map[peer]*group
	open     int
	shed     int64
	sequence uint64 // of the last change of a list
}

// NewConnections returns Connections with a limit, at least 1. Connections of trusted addresses,
// such as proxies with many clients, are closed only when there are no others. If trusted is nil,
// no address is trusted.
func NewConnections(limit int, trusted func(netip.Addr) bool) *Connections {
	if trusted == nil {
		trusted = func(netip.Addr) bool { return false }
	}
	return &Connections{limit: max(limit, 1), trusted: trusted, groups: map[peer]*group{}}
}

// Listener returns a listener that accepts the connections of l within the limit. Several
// listeners may share one limit.
func (c *Connections) Listener(l net.Listener) net.Listener { return listener{l, c} }

// ConnState records the state of a connection, as an [http.Server]'s ConnState hook. Without it
// every connection counts as waiting.
func (c *Connections) ConnState(conn net.Conn, state http.ConnState) {
	if wrapper, ok := conn.(interface{ NetConn() net.Conn }); ok { // a *tls.Conn
		conn = wrapper.NetConn()
	}
	own, ok := conn.(*connection)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case own.list == nil: // already closed
	case state == http.StateActive:
		c.moveTo(own, &own.group.active)
	case state == http.StateIdle:
		c.moveTo(own, &own.group.waiting)
	}
}

// Open returns how many connections are open.
func (c *Connections) Open() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

// Shed returns how many connections have been closed because of the limit.
func (c *Connections) Shed() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shed
}

// add adds an accepted connection, and closes one if that exceeds the limit.
func (c *Connections) add(conn net.Conn) net.Conn {
	added, excess := c.admit(conn)
	if excess != nil {
		_ = excess.Conn.Close() // the connection is given up, whatever the error
	}
	return added
}

func (c *Connections) admit(conn net.Conn) (added, excess *connection) {
	from := c.peerOf(conn)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.groups[from] == nil {
		c.groups[from] = &group{peer: from}
	}
	added = &connection{Conn: conn, connections: c, group: c.groups[from]}
	c.moveTo(added, &added.group.waiting)
	c.open++
	if c.open <= c.limit {
		return added, nil
	}
	excess = c.selectExcess(added)
	c.remove(excess)
	c.shed++
	return added, excess
}

// selectExcess returns the connection to close. It is the added one only if its address has others
// or if all others are trusted.
func (c *Connections) selectExcess(added *connection) *connection {
	var selected *group
	for _, g := range c.groups {
		if g == added.group && g.count() == 1 {
			continue
		}
		if selected == nil || g.closesBefore(selected) {
			selected = g
		}
	}
	if selected.trusted && !added.group.trusted {
		return added
	}
	return selected.first()
}

// moveTo moves a connection to the end of one of its group's lists.
func (c *Connections) moveTo(conn *connection, to *list) {
	if conn.list != nil {
		conn.list.remove(conn)
	}
	c.sequence++
	conn.sequence = c.sequence
	to.append(conn)
}

// remove removes a connection. It may be removed already: the server also closes connections that
// were closed because of the limit.
func (c *Connections) remove(conn *connection) {
	if conn.list == nil {
		return
	}
	conn.list.remove(conn)
	c.open--
	if conn.group.count() == 0 {
		delete(c.groups, conn.group.peer)
	}
}

// peer is what connections are grouped by.
type peer struct {
	addr    netip.Addr
	trusted bool
}

// peerOf returns the address of a connection's client if it is trusted, else its network.
func (c *Connections) peerOf(conn net.Conn) peer {
	addr := remote(conn)
	if c.trusted(addr) {
		return peer{addr, true}
	}
	return peer{network(addr), false}
}

// group holds the connections of a peer. Each list is in the order in which its connections were
// added to it.
type group struct {
	peer
	waiting list // for a request or for the rest of its header
	active  list // with a request being handled
}

func (g *group) count() int { return g.waiting.length + g.active.length }

// first returns the connection that is closed first.
func (g *group) first() *connection {
	if g.waiting.first != nil {
		return g.waiting.first
	}
	return g.active.first
}

// closesBefore reports whether a connection of g is closed before any of the other group.
func (g *group) closesBefore(other *group) bool {
	waits, otherWaits := g.waiting.length > 0, other.waiting.length > 0
	switch {
	case g.trusted != other.trusted:
		return other.trusted
	case g.count() != other.count():
		return g.count() > other.count()
	case waits != otherWaits:
		return waits
	}
	return g.first().sequence < other.first().sequence
}

// connection is an accepted connection.
type connection struct {
	net.Conn
	connections *Connections
	group       *group
	list        *list  // the list of the group that holds it; nil after it is closed
	sequence    uint64 // when it was added to the list

	before, after *connection // in the list
}

// list is a list of connections, linked through themselves: a connection changes its list twice for
// each request, which must not allocate memory.
type list struct {
	first, last *connection
	length      int
}

// append adds a connection that is in no list at the end.
func (l *list) append(c *connection) {
	c.list, c.before, c.after = l, l.last, nil
	if l.last == nil {
		l.first = c
	} else {
		l.last.after = c
	}
	l.last = c
	l.length++
}

// remove removes a connection that is in the list.
func (l *list) remove(c *connection) {
	if c.before == nil {
		l.first = c.after
	} else {
		c.before.after = c.after
	}
	if c.after == nil {
		l.last = c.before
	} else {
		c.after.before = c.before
	}
	c.list, c.before, c.after = nil, nil, nil
	l.length--
}

// Close closes the connection and removes it from the count.
func (c *connection) Close() error {
	c.connections.mu.Lock()
	c.connections.remove(c)
	c.connections.mu.Unlock()
	return c.Conn.Close()
}

// CloseWrite closes the writing side, so that the client can read the answer before the connection
// is closed.
func (c *connection) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// listener accepts connections within the limit.
type listener struct {
	net.Listener
	connections *Connections
}

// Accept implements [net.Listener].
func (l listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.connections.add(conn), nil
}

// remote returns the address of a connection's client, or the invalid address if the connection is
// not of a network.
func remote(conn net.Conn) netip.Addr {
	if from, ok := conn.RemoteAddr().(interface{ AddrPort() netip.AddrPort }); ok {
		return from.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// network returns what a single client can have: an IPv4 address, or the /64 of an IPv6 address,
// within which it may use any address.
func network(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if addr.Is6() {
		return netip.PrefixFrom(addr, 64).Masked().Addr()
	}
	return addr
}
