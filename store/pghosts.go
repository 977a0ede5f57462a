package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/lib/pq"
)

// hostDelay is how long a server may take to accept a connection before the next one is tried, too.
const hostDelay = 250 * time.Millisecond

// pgHosts connects to the first of several servers that accepts. lib/pq tries them one after the
// other, and its time limit is that of a connection: a machine that is down and answers nothing
// would use up all the time there is, and the new primary would never be found.
type pgHosts struct {
	driver.Connector // that of lib/pq for all of them
	hosts            []driver.Connector
	names            []string // for errors
}

// newPgHosts returns the connector for a configuration.
func newPgHosts(config pq.Config) (driver.Connector, error) {
	all, err := newPgHost(config)
	if err != nil || len(config.Multi) == 0 ||
		config.TargetSessionAttrs == pq.TargetSessionAttrsPreferStandby ||
		config.LoadBalanceHosts == pq.LoadBalanceHostsRandom {
		return all, err // those two are about all hosts
	}
	c := &pgHosts{Connector: all}
	first := pq.ConfigMultihost{Host: config.Host, Hostaddr: config.Hostaddr, Port: config.Port}
	for _, host := range slices.Insert(slices.Clone(config.Multi), 0, first) {
		one := config.Clone()
		one.Host, one.Hostaddr, one.Port, one.Multi = host.Host, host.Hostaddr, host.Port, nil
		connector, err := newPgHost(one)
		if err != nil {
			return nil, err
		}
		c.hosts = append(c.hosts, connector)
		c.names = append(c.names, fmt.Sprintf("%s:%d", one.Host, one.Port))
	}
	return c, nil
}

func newPgHost(config pq.Config) (driver.Connector, error) {
	connector, err := pq.NewConnectorConfig(config)
	if err != nil {
		return nil, err
	}
	return &pgHost{connector, config}, nil
}

// pgHost opens connections, each a [pgSocket].
type pgHost struct {
	driver.Connector // that of lib/pq
	config           pq.Config
}

// pgSocket is a connection of lib/pq with the socket that it uses.
type pgSocket struct {
	pqConn
	socket net.Conn
}

// Connect implements [driver.Connector].
func (h *pgHost) Connect(ctx context.Context) (driver.Conn, error) {
	connector, err := pq.NewConnectorConfig(h.config)
	if err != nil {
		return nil, err
	}
	var sockets dialer // of this connection alone
	connector.Dialer(&sockets)
	opened, err := connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return pgSocket{opened.(pqConn), *sockets.last.Load()}, nil
}

// attempt is the outcome of connecting to one server.
type attempt struct {
	host int
	conn driver.Conn
	err  error
}

// Connect implements [driver.Connector].
func (c *pgHosts) Connect(ctx context.Context) (driver.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	attempts, started, failed := make(chan attempt), 0, 0
	next := func() {
		if host := started; host < len(c.hosts) {
			started++
			go c.try(ctx, host, attempts)
		}
	}
	next()
	ticker := time.NewTicker(hostDelay)
	defer ticker.Stop()
	var errs []error
	for failed < len(c.hosts) {
		select {
		case <-ctx.Done(): // lib/pq's handshake does not end with it
			return nil, errors.Join(append(errs, ctx.Err())...)
		case <-ticker.C:
			next()
		case a := <-attempts:
			if a.err == nil {
				return a.conn, nil
			}
			failed++
			errs = append(errs, fmt.Errorf("connect to %s: %w", c.names[a.host], a.err))
			next()
		}
	}
	return nil, errors.Join(errs...)
}

// try connects to a server. If the context has ended when it is done, nobody waits for it.
func (c *pgHosts) try(ctx context.Context, host int, attempts chan<- attempt) {
	conn, err := c.hosts[host].Connect(ctx)
	select {
	case attempts <- attempt{host, conn, err}:
	case <-ctx.Done():
		if err == nil {
			_ = conn.Close() // it was not used
		}
	}
}
