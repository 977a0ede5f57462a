package webhook

import (
	"context"
	"net"
	"time"
)

// dialer dials the connections of a sender. It knows them, since [http.Transport] keeps one that is
// established while its idle connections are closed.
type dialer struct {
	net.Dialer
	open context.Context // ends with hangUp
	// hangUp ends all connections.
	hangUp context.CancelFunc
}

func newDialer(allowPrivate bool) *dialer {
	d := &dialer{Dialer: net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}}
	if !allowPrivate {
		d.Control = refusePrivate
	}
	d.open, d.hangUp = context.WithCancel(context.Background())
	return d
}

// DialContext shadows that of [net.Dialer].
func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := d.Dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &conn{c, context.AfterFunc(d.open, func() { _ = c.Close() })}, nil
}

// conn is a connection that also ends with its dialer.
type conn struct {
	net.Conn
	forget func() bool
}

// Close implements [net.Conn].
func (c *conn) Close() error {
	c.forget()
	return c.Conn.Close()
}
