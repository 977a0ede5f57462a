package access

import (
	"container/list"
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// Connections bounds how many connections are open at once. The one that is closed for a new one beyond the limit is of
// the address that holds most, so that whoever floods from one address only hurts itself; of these it is the one that
// has waited longest for a request to come. A sender loses its only connection when no address has more than one.
// Salesforce sends what got no Ack again: nothing is lost.
//
// An address is an IPv4 address or a /64 of IPv6. It may have any number of connections while there is room: behind a
// proxy all clients have one address.
type Connections struct {
	limit   int
	trusted func(netip.Addr) bool

	mu      sync.Mutex
	holders map[owner]*holder
	open    int
	shed    int64
	changes uint64
}

// NewConnections makes Connections of which at most limit are open, one at least. Those of trusted addresses, such as
// proxies that stand for many clients, are closed only when there are no others; nil trusts nobody.
func NewConnections(limit int, trusted func(netip.Addr) bool) *Connections {
	if trusted == nil {
		trusted = func(netip.Addr) bool { return false }
	}
	return &Connections{limit: max(limit, 1), trusted: trusted, holders: map[owner]*holder{}}
}

// Listener gives what a listener accepts, within the limit. Several listeners may share one.
func (c *Connections) Listener(l net.Listener) net.Listener { return listener{l, c} }

// ConnState follows what the connections do, as [http.Server.ConnState]. Without it all of them seem to wait.
func (c *Connections) ConnState(conn net.Conn, state http.ConnState) {
	if secured, ok := conn.(interface{ NetConn() net.Conn }); ok { // a *tls.Conn
		conn = secured.NetConn()
	}
	own, ok := conn.(*connection)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case own.place == nil: // it is closed already
	case state == http.StateActive:
		c.put(own, &own.holder.active)
	case state == http.StateIdle:
		c.put(own, &own.holder.waiting)
	}
}

// Open is how many connections are open.
func (c *Connections) Open() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

// Shed is how many connections were closed because there were too many.
func (c *Connections) Shed() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shed
}

// add takes a connection in, and closes another when there are too many.
func (c *Connections) add(conn net.Conn) net.Conn {
	added, excess := c.admit(conn)
	if excess != nil {
		_ = excess.Conn.Close() // nobody waits for how that went
	}
	return added
}

func (c *Connections) admit(conn net.Conn) (added, excess *connection) {
	from := c.ownerOf(conn)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.holders[from] == nil {
		c.holders[from] = &holder{owner: from}
	}
	added = &connection{Conn: conn, connections: c, holder: c.holders[from]}
	c.put(added, &added.holder.waiting)
	c.open++
	if c.open <= c.limit {
		return added, nil
	}
	excess = c.excess(added)
	c.drop(excess)
	c.shed++
	return added, excess
}

// excess finds the connection to close. It is the new one only when its address has others or when only trusted ones
// are left.
func (c *Connections) excess(added *connection) *connection {
	var most *holder
	for _, h := range c.holders {
		if h == added.holder && h.count() == 1 {
			continue
		}
		if most == nil || h.yieldsBefore(most) {
			most = h
		}
	}
	if most.trusted && !added.holder.trusted {
		return added
	}
	return most.first()
}

// put makes a connection the last one of a list of its holder.
func (c *Connections) put(conn *connection, to *list.List) {
	if conn.place != nil {
		conn.list.Remove(conn.place)
	}
	c.changes++
	conn.list, conn.place, conn.changed = to, to.PushBack(conn), c.changes
}

// drop forgets a connection. It may be dropped already: the server closes those, too, that were closed for others.
func (c *Connections) drop(conn *connection) {
	if conn.place == nil {
		return
	}
	conn.list.Remove(conn.place)
	conn.place = nil
	c.open--
	if conn.holder.count() == 0 {
		delete(c.holders, conn.holder.owner)
	}
}

// owner is who a connection counts for.
type owner struct {
	addr    netip.Addr
	trusted bool
}

// ownerOf makes one of a trusted address, and of the network of any other.
func (c *Connections) ownerOf(conn net.Conn) owner {
	addr := remote(conn)
	if c.trusted(addr) {
		return owner{addr, true}
	}
	return owner{network(addr), false}
}

// holder has connections, in lists with the longest unchanged first.
type holder struct {
	owner
	waiting list.List // for a request, or for the rest of its header
	active  list.List // with a request that is being answered
}

func (h *holder) count() int { return h.waiting.Len() + h.active.Len() }

// first is the connection that is closed first.
func (h *holder) first() *connection {
	first := h.waiting.Front()
	if first == nil {
		first = h.active.Front()
	}
	return first.Value.(*connection)
}

// yieldsBefore tells whether one of its connections is closed before any of another holder.
func (h *holder) yieldsBefore(other *holder) bool {
	waits, otherWaits := h.waiting.Len() > 0, other.waiting.Len() > 0
	switch {
	case h.trusted != other.trusted:
		return other.trusted
	case h.count() != other.count():
		return h.count() > other.count()
	case waits != otherWaits:
		return waits
	}
	return h.first().changed < other.first().changed
}

// connection is an accepted one.
type connection struct {
	net.Conn
	connections *Connections
	holder      *holder
	list        *list.List    // the holder's that it is in
	place       *list.Element // nil once it is closed
	changed     uint64        // which of all changes put it there
}

// Close closes the connection, and makes room for another.
func (c *connection) Close() error {
	c.connections.mu.Lock()
	c.connections.drop(c)
	c.connections.mu.Unlock()
	return c.Conn.Close()
}

// CloseWrite lets the server end its side first, so that the client reads a refusal before it learns of the end.
func (c *connection) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// listener accepts connections within a limit.
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

// remote is the address that a connection comes from; invalid when it came by no network.
func remote(conn net.Conn) netip.Addr {
	if from, ok := conn.RemoteAddr().(interface{ AddrPort() netip.AddrPort }); ok {
		return from.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// network is what one sender has: an IPv4 address, or the /64 of an IPv6 address, in which it may take any.
func network(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if addr.Is6() {
		return netip.PrefixFrom(addr, 64).Masked().Addr()
	}
	return addr
}
