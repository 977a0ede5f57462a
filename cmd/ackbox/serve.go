package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"ackbox/guard"
	"ackbox/handlers"
	"ackbox/soap"
	"ackbox/soap/sobject"
	"ackbox/store"
)

// serveCmd is the command serve.
type serveCmd struct {
	Database databaseFlags `embed:""`
	Public   publicFlags   `embed:""`

	Host           string        `env:"ACKBOX_HOST" help:"Listen on this address only; all without it."`
	AdminAddr      string        `env:"ACKBOX_ADMIN_ADDR" placeholder:"HOST:PORT" help:"Serve /metrics, /healthz and /readyz there, too, without a token."`
	MetricsToken   string        `env:"METRICS_TOKEN,ACKBOX_METRICS_TOKEN" placeholder:"TOKEN" help:"Serve /metrics to requests with this bearer token."`
	BodyLimit      byteSize      `env:"ACKBOX_BODY_LIMIT" default:"32MiB" help:"How large a message may be."`
	BodiesLimit    byteSize      `env:"ACKBOX_BODIES_LIMIT" default:"64MiB" help:"How large all messages being worked on may be together."`
	Committers     int           `env:"ACKBOX_COMMITTERS" default:"2" help:"How many transactions may save messages at once on PostgreSQL; a slow disk wants more. SQLite has one writer."`
	QueueLimit     int           `env:"ACKBOX_QUEUE_LIMIT" default:"4096" help:"How many messages may wait to be stored; what comes beyond is refused with 503 at once."`
	QueueBytes     byteSize      `env:"ACKBOX_QUEUE_BYTES" default:"64MiB" help:"How much memory their notifications may take together."`
	SaveTimeout    time.Duration `env:"ACKBOX_SAVE_TIMEOUT" default:"10s" help:"How long a message may take to be stored before Salesforce is told to send it again."`
	MaxConnections int           `env:"ACKBOX_MAX_CONNECTIONS" default:"4096" help:"How many connections may be open; one beyond them closes one of the address that has most."`
	HeaderTimeout  time.Duration `env:"ACKBOX_HEADER_TIMEOUT" default:"10s" help:"How long the header of a request may take to arrive."`
	ReadTimeout    time.Duration `env:"ACKBOX_READ_TIMEOUT" default:"30s" help:"How long a request may take to arrive."`
	WriteTimeout   time.Duration `env:"ACKBOX_WRITE_TIMEOUT" default:"60s" help:"How long a request may take in all."`
	IdleTimeout    time.Duration `env:"ACKBOX_IDLE_TIMEOUT" default:"120s" help:"How long an idle connection is kept."`
}

// Validate is kong's: a limit of no connection would be no inbox.
func (c *serveCmd) Validate() error {
	if c.MaxConnections < 1 {
		return fmt.Errorf("--max-connections is %d: give 1 at least, 4096 without it", c.MaxConnections)
	}
	return nil
}

// A bound of the request that no setting needs to change, and one of the end: a platform such as Heroku kills the
// process 30 s after SIGTERM.
const (
	headerLimit  = 64 << 10
	drainTimeout = 20 * time.Second
)

// collectFrom is how much memory is in use, in bytes, when garbage is no longer left to double it: huge messages leave
// more of it than the 512 MiB of a small dyno. GOMEMLIMIT says otherwise.
const collectFrom = 128 << 20

// Run implements the command: it serves until the context ends, then answers what has come in.
func (c *serveCmd) Run(ctx context.Context, t terminal) (err error) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(collectFrom)
	}
	types, err := soap.NewTypes(sobject.Records()...)
	if err != nil {
		return err
	}
	db, err := c.Database.open(store.Committers(c.Committers), store.Queue(c.QueueLimit, int64(c.QueueBytes)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	h := handlers.New(handlers.Config{
		Store: db, Types: types, BodyLimit: int64(c.BodyLimit), BodiesLimit: int64(max(c.BodiesLimit, c.BodyLimit)),
		SaveTimeout: c.SaveTimeout, MetricsToken: c.MetricsToken,
	})
	listeners, err := c.listen(ctx)
	if err != nil {
		return err
	}
	connections := guard.NewConnections(c.MaxConnections, nil)
	c.Public.Port = listeners[0].Addr().(*net.TCPAddr).Port
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		c.prepare(ctx, db, t)
		return h.Run(ctx)
	})
	routes := []func() http.Handler{
		func() http.Handler { return handlers.Public(h) },
		func() http.Handler { return handlers.Admin(h) },
	}
	for i, listener := range listeners {
		server := c.server(routes[i]())
		if i == 0 {
			listener, server.ConnState = connections.Listener(listener), connections.ConnState
		}
		group.Go(func() error { return serveOn(server, listener) })
		group.Go(func() error { return drain(ctx, server, h) })
	}
	slog.Info("listening", "addr", listeners[0].Addr().String(), "database", db.Driver())
	err = group.Wait()
	slog.Info("stopped")
	return err
}

// listen opens the public port and, where one is set, that of the admin address.
func (c *serveCmd) listen(ctx context.Context) ([]net.Listener, error) {
	addrs := []string{net.JoinHostPort(c.Host, strconv.Itoa(c.Public.Port))}
	if c.AdminAddr != "" {
		addrs = append(addrs, c.AdminAddr)
	}
	var listeners []net.Listener
	for _, addr := range addrs {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
		if err != nil {
			for _, opened := range listeners {
				_ = opened.Close() // the error that counts is the other one
			}
			return nil, fmt.Errorf("%w\nChoose another with PORT or --admin-addr, or end what listens there", err)
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

func (c *serveCmd) server(routes http.Handler) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true) // which Salesforce speaks: no other parser is within reach
	return &http.Server{
		Handler:           routes,
		Protocols:         &protocols,
		ReadHeaderTimeout: c.HeaderTimeout,
		ReadTimeout:       c.ReadTimeout,
		WriteTimeout:      c.WriteTimeout,
		IdleTimeout:       c.IdleTimeout,
		MaxHeaderBytes:    headerLimit,
		// What clients do wrong with TCP is for those who look for it.
		ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug),
		// OPTIONS * is answered like the rest.
		DisableGeneralOptionsHandler: true,
	}
}

func serveOn(server *http.Server, l net.Listener) error {
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// drain ends a server when the context does: no new connection, and every request that has come in is answered.
func drain(ctx context.Context, server *http.Server, h *handlers.Handlers) error {
	<-ctx.Done()
	h.Stop()
	slog.Info("stopping, requests under way are answered")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("stop: %w: connections are closed that did not end in %s", err, drainTimeout),
			server.Close())
	}
	return nil
}

// migrateAgain is how long a database that does not answer at the start is left alone.
const migrateAgain = time.Second

// prepare brings the schema up to date as soon as the database answers, and says which sources there are. It tries
// until then or until the context ends: messages are refused meanwhile.
func (c *serveCmd) prepare(ctx context.Context, db *store.Store, t terminal) {
	var last string
	for {
		err := c.Database.migrate(ctx, db)
		if err == nil {
			err = c.greet(ctx, db, t)
		}
		if err == nil || ctx.Err() != nil {
			return
		}
		if err.Error() != last { // not every second
			last = err.Error()
			slog.Error("database not usable yet, messages are refused", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(migrateAgain):
		}
	}
}

// greet says how to go on: on a new embedded database with a source that it makes, elsewhere with a command.
func (c *serveCmd) greet(ctx context.Context, db *store.Store, t terminal) error {
	sources, err := db.Sources(ctx)
	if err != nil {
		return err
	}
	switch {
	case len(sources) > 0:
		warnOpen(sources)
		return nil
	case !c.Database.embedded():
		slog.Warn("no source yet: run ackbox source add NAME")
		return nil
	}
	source, token, err := db.AddSource(ctx, "default", nil, time.Now())
	if err != nil {
		return err
	}
	url := c.Public.url(token)
	fmt.Fprintf(t.out, "Paste this URL into Salesforce Setup > Outbound Messages > Endpoint URL; it is shown once:\n\n"+
		"  %s\n\nTry it from a second terminal:\n\n  go run ./cmd/ackbox send %s\n  go run ./cmd/ackbox export\n\n",
		url, url)
	warnOpen([]store.Source{source})
	return nil
}

// warnOpen names the sources that anyone's organization may post to.
func warnOpen(sources []store.Source) {
	for _, s := range sources {
		if len(s.Organizations) == 0 && s.DisabledAt == nil {
			slog.Warn("any organization may post until one is allowed: run ackbox source allow NAME --org ID",
				"source", s.Name)
		}
	}
}
