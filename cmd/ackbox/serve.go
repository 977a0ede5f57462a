package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"

	"ackbox/handlers"
	"ackbox/soap"
	"ackbox/soap/sobject"
	"ackbox/store"
)

// serveCmd is the command serve.
type serveCmd struct {
	Database databaseFlags `embed:""`
	Public   publicFlags   `embed:""`
	Doors    doorFlags     `embed:"" group:"Who may post:"`

	Host          string        `env:"ACKBOX_HOST" help:"Listen on this address only; all without it."`
	AdminAddr     string        `env:"ACKBOX_ADMIN_ADDR" placeholder:"HOST:PORT" help:"Serve /metrics, /healthz and /readyz there, too, without a token."`
	MetricsToken  string        `env:"METRICS_TOKEN,ACKBOX_METRICS_TOKEN" placeholder:"TOKEN" help:"Serve /metrics to requests with this bearer token."`
	BodyLimit     byteSize      `env:"ACKBOX_BODY_LIMIT" default:"32MiB" help:"How large a message may be."`
	BodiesLimit   byteSize      `env:"ACKBOX_BODIES_LIMIT" default:"64MiB" help:"How large all messages being worked on may be together."`
	Committers    int           `env:"ACKBOX_COMMITTERS" default:"2" help:"How many transactions may save messages at once on PostgreSQL; a slow disk wants more. SQLite has one writer."`
	QueueLimit    int           `env:"ACKBOX_QUEUE_LIMIT" default:"4096" help:"How many messages may wait to be stored; what comes beyond is refused with 503 at once."`
	QueueBytes    byteSize      `env:"ACKBOX_QUEUE_BYTES" default:"64MiB" help:"How much memory their notifications may take together."`
	SaveTimeout   time.Duration `env:"ACKBOX_SAVE_TIMEOUT" default:"10s" help:"How long a message may take to be stored before Salesforce is told to send it again."`
	HeaderTimeout time.Duration `env:"ACKBOX_HEADER_TIMEOUT" default:"10s" help:"How long a request's header may take to arrive, TLS included."`
	ReadTimeout   time.Duration `env:"ACKBOX_READ_TIMEOUT" default:"30s" help:"How long a request may take to arrive."`
	WriteTimeout  time.Duration `env:"ACKBOX_WRITE_TIMEOUT" default:"60s" help:"How long a request may take in all."`
	IdleTimeout   time.Duration `env:"ACKBOX_IDLE_TIMEOUT" default:"120s" help:"How long an idle connection is kept."`
}

// Bounds of the request that no setting needs to change, and of the end: a platform such as Heroku kills the process
// 30 s after SIGTERM.
const (
	headerLimit  = 64 << 10
	drainTimeout = 20 * time.Second
	flushTimeout = 2 * time.Second
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
	doors, err := c.Doors.make(db)
	if err != nil {
		return err
	}
	c.Public.TLSCert = c.Doors.TLSCert
	h := handlers.New(handlers.Config{
		Store: db, Doors: doors.Doors, Types: types, BodyLimit: int64(c.BodyLimit),
		BodiesLimit: int64(max(c.BodiesLimit, c.BodyLimit)), SaveTimeout: c.SaveTimeout, MetricsToken: c.MetricsToken,
	})
	endpoints, err := c.listen(ctx, h, doors)
	if err != nil {
		return err
	}
	c.Public.Port = endpoints[0].listener.Addr().(*net.TCPAddr).Port
	slog.Info("listening", "addr", endpoints[0].listener.Addr().String(), "database", db.Driver())
	doors.log()
	return (&inbox{c, t, db, h, doors, endpoints}).run(ctx)
}

// inbox is what serve runs.
type inbox struct {
	settings  *serveCmd
	terminal  terminal
	db        *store.Store
	handlers  *handlers.Handlers
	doors     *doors
	endpoints []*endpoint
}

// run runs everything until the context ends, or one part fails, and the last request is answered.
func (in *inbox) run(ctx context.Context) error {
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { return in.doors.watchCertificate(running) })
	group.Go(func() error {
		in.settings.prepare(running, in.db, in.terminal)
		group.Go(func() error { return in.doors.watchRanges(running) }) // whose copies are in the database
		return in.handlers.Run(running)
	})
	for _, e := range in.endpoints {
		group.Go(e.serve)
		group.Go(func() error { return e.drain(running, in.handlers) })
	}
	err := group.Wait()
	in.flush(context.WithoutCancel(ctx))
	slog.Info("stopped")
	return err
}

// flush writes what the last requests left to be counted, if the database is there.
func (in *inbox) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	if err := in.handlers.Flush(ctx); err != nil {
		slog.Warn("the last counts of refusals are not written", "error", err)
	}
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
