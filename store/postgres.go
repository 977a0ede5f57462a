package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// spareConnections is how many connections the pool has beyond one for each committer. With the
// default of 2 committers, the pool leaves most of the 20 connections of Heroku's smallest plan to
// others, such as a second process.
const spareConnections = 6

func openPostgres(databaseURL string, o options) (*Store, error) {
	config, dropped, err := postgresConfig(databaseURL)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if len(dropped) > 0 {
		o.log.Warn("parameters of other clients in DATABASE_URL are ignored",
			"parameters", strings.Join(dropped, " "))
	}
	connector, err := newPgHosts(config)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	db := sqlx.NewDb(sql.OpenDB(&pgConnector{Connector: connector}), driverPostgres)
	db.SetMaxOpenConns(o.committers + spareConnections)
	db.SetMaxIdleConns(o.committers + spareConnections)
	db.SetConnMaxIdleTime(5 * time.Minute)
	db.SetConnMaxLifetime(time.Hour) // so that connections follow the server's name to a new address
	s := &Store{
		driver: driverPostgres, process: rand.Text(), log: o.log,
		role: config.User, database: config.Database, write: db, read: db,
		listenURL: listenURL(databaseURL, &config, dropped),
	}
	s.queue = newQueue(o.committers, o, s.commitGuarded)
	return s, nil
}

// postgresConfig parses a DATABASE_URL. BinaryParameters sends a query and its arguments at once,
// without a prepared statement that outlives the transaction, which PgBouncer's transaction mode
// would break. The parameter is not sent to the server. Dropped are the names of parameters that only
// other clients know.
func postgresConfig(databaseURL string) (config pq.Config, dropped []string, err error) {
	parsed, err := url.Parse(databaseURL)
	if err != nil {
		// The error of net/url may quote the password.
		return pq.Config{}, nil, errors.New("DATABASE_URL is not a valid URL; " +
			"characters such as @ : / ? # % in the password must be escaped, as in %40 for @")
	}
	if parsed.Scheme != "postgres" && parsed.Scheme != "postgresql" {
		return pq.Config{}, nil, errors.New(
			"DATABASE_URL must begin with sqlite:, postgres:// or postgresql://")
	}
	config, err = pq.NewConfig(databaseURL)
	if err != nil {
		return pq.Config{}, nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	if dropped, err = dropParameters(&config, parsed.Query()); err != nil {
		return pq.Config{}, nil, err
	}
	// lib/pq keeps those of an IPv6 address without a port.
	config.Host = strings.Trim(config.Host, "[]")
	config.BinaryParameters = true
	config.ConnectTimeout = cmp.Or(config.ConnectTimeout, 10*time.Second)
	given := parsed.Query()
	if given.Has("sslmode") || given.Has("sslrootcert") || os.Getenv("PGSSLMODE") != "" {
		return config, dropped, nil
	}
	config.SSLMode = pq.SSLModeRequire
	if isLocal(config) {
		config.SSLMode = pq.SSLModeDisable
	}
	return config, dropped, nil
}

// isLocal reports whether every host of the configuration is on this machine.
func isLocal(config pq.Config) bool {
	first := pq.ConfigMultihost{Host: config.Host, Hostaddr: config.Hostaddr}
	for _, host := range append(slices.Clip(config.Multi), first) {
		isSocket := filepath.IsAbs(host.Host) || strings.HasPrefix(host.Host, "@")
		addr := host.Hostaddr
		if !addr.IsValid() {
			addr, _ = netip.ParseAddr(host.Host)
		}
		isName := !host.Hostaddr.IsValid() && host.Host == "localhost"
		if !isSocket && !isName && !addr.Unmap().IsLoopback() {
			return false
		}
	}
	return true
}

// deadPeer is how long a packet may stay unacknowledged, by the server's kernel at least, before
// the server counts as gone. The limit of the kernel here is about 15 minutes.
const deadPeer = 30 * time.Second

// dialer implements pq.Dialer and pq.DialerContext for one connection.
type dialer struct {
	// last is the socket that was opened last. Once there is a connection, lib/pq opens another one
	// to cancel a query, from any goroutine.
	last atomic.Pointer[net.Conn]
}

func (d *dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

func (d *dialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return d.DialContext(ctx, network, address)
}

func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	keepAlive := net.KeepAliveConfig{
		Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3,
	}
	conn, err := (&net.Dialer{KeepAliveConfig: keepAlive}).DialContext(ctx, network, address)
	if tcp, ok := conn.(*net.TCPConn); ok && err == nil {
		setUserTimeout(tcp, deadPeer)
	}
	d.last.Store(&conn)
	return conn, err
}
