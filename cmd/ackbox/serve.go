package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"ackbox/handlers"
	"ackbox/internal/logbuffer"
	"ackbox/soap"
	"ackbox/soap/sobject"
	"ackbox/store"
)

// serveCmd is the command serve.
type serveCmd struct {
	Database databaseFlags `embed:""`
	Public   publicFlags   `embed:""`
	Access   accessFlags   `embed:"" group:"Who may post:"`
	Secrets  secretFlags   `embed:""`

	Host         string        `env:"ACKBOX_HOST" help:"Listen on this address only; by default on all."`
	AdminAddr    string        `env:"ACKBOX_ADMIN_ADDR" placeholder:"HOST:PORT" help:"Serve /metrics, /healthz and /readyz there, too, without a token."`
	MetricsToken string        `env:"METRICS_TOKEN,ACKBOX_METRICS_TOKEN" placeholder:"TOKEN" help:"Serve /metrics to requests with this bearer token."`
	BodyLimit    byteSize      `env:"ACKBOX_BODY_LIMIT" default:"64MiB" help:"Accept messages up to this size."`
	Committers   int           `env:"ACKBOX_COMMITTERS" default:"2" help:"Run so many transactions that save messages at once on PostgreSQL; a slow disk needs more. SQLite has one writer."`
	QueueLimit   int           `env:"ACKBOX_QUEUE_LIMIT" default:"4096" help:"Let so many messages be decoded or wait to be stored; what comes beyond is refused with 503 at once."`
	LogMessages  string        `enum:"on,off" default:"on" env:"ACKBOX_LOG_MESSAGES" help:"Write a line to the log for each message that is acked: ${enum}. The metrics count them anyway."`
	Prune        time.Duration `env:"ACKBOX_PRUNE" placeholder:"90d" help:"Delete the notifications whose newest revision is older than this, and older refusals, once an hour. At least 72h (default: never)."`
	Relay        string        `enum:"on,off" default:"on" env:"ACKBOX_RELAY" help:"Deliver what is stored to the destinations: ${enum}. With off, ackbox relay does so in a process of its own."`
	SaveTimeout  time.Duration `env:"ACKBOX_SAVE_TIMEOUT" default:"10s" help:"Refuse a message with 503 that is not stored in this time; Salesforce sends it again."`

	log *logbuffer.Buffer // nil in tests
}

const (
	// drainTimeout is how long requests may take to end after SIGTERM: a platform such as Heroku kills
	// the process 30 s after it.
	drainTimeout = 20 * time.Second
	flushTimeout = 2 * time.Second
	// queueBytesBesides is how much memory the messages that wait may take together, besides the
	// largest.
	queueBytesBesides = 16 << 20
)

// Run implements the command: it serves until the context ends, then answers what has come in.
func (c *serveCmd) Run(ctx context.Context, t terminal) (err error) {
	queueBytes := int64(c.BodyLimit) + queueBytesBesides
	setCollector(handlers.RoomOfBodies(int64(c.BodyLimit)) + queueBytes)
	warnOldSettings()
	db, err := c.Database.open(store.Committers(c.Committers), store.Queue(c.QueueLimit, queueBytes))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	access, err := c.Access.control(db)
	if err != nil {
		return err
	}
	c.Public.TLSCert = c.Access.TLSCert
	metrics := newRegistry()
	delivery := newDelivery(db, c.Relay == "on", &c.Secrets, metrics)
	surfaces, err := c.surfaces(db, access, metrics, delivery)
	if err != nil {
		return err
	}
	endpoints, err := c.listen(ctx, surfaces, access)
	if err != nil {
		return err
	}
	c.Public.Port = endpoints[0].listener.Addr().(*net.TCPAddr).Port
	slog.Info("listening", "addr", endpoints[0].listener.Addr().String(), "database", db.Driver())
	access.log()
	return (&inbox{c, t, db, surfaces, access, endpoints, delivery}).run(ctx)
}

// surfaces makes what is answered, with one registry of metrics and one list of warnings for all.
func (c *serveCmd) surfaces(
	db *store.Store, access *accessControl, metrics *prometheus.Registry, d *delivery,
) (*surfaces, error) {
	types, err := soap.NewTypes(sobject.Records()...)
	if err != nil {
		return nil, err
	}
	access.register(metrics)
	if c.log != nil {
		metrics.MustRegister(droppedLines(c.log))
	}
	h := handlers.New(handlers.Config{
		Store: db, Access: access.Access, Types: types, Metrics: metrics, BodyLimit: int64(c.BodyLimit),
		BodyTimeout: readTimeout, SaveTimeout: c.SaveTimeout, QueueLimit: c.QueueLimit,
		QuietAcks: c.LogMessages == "off",
	})
	health := handlers.NewHealth(db, slog.Default(), access.warnings, h.Warnings, d.monitor.Warnings)
	health.Size = handlers.NewDatabaseSize(db, slog.Default(), metrics)
	return &surfaces{h, health, metrics, c.MetricsToken, access.Proxies}, nil
}

// droppedLines is the metric of the lines that are not in the log.
func droppedLines(log *logbuffer.Buffer) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "ackbox_log_lines_dropped_total",
		Help: "Lines of the log that were dropped because it was not read fast enough.",
	}, func() float64 { return float64(log.Dropped()) })
}

// inbox is what serve runs.
type inbox struct {
	settings  *serveCmd
	terminal  terminal
	db        *store.Store
	surfaces  *surfaces
	access    *accessControl
	endpoints []*endpoint
	delivery  *delivery
}

// run runs everything until the context ends, or one part fails, and the last request is answered.
func (in *inbox) run(ctx context.Context) error {
	group, running := errgroup.WithContext(ctx)
	delivering, drained := in.untilDrained(running)
	group.Go(func() error { return in.access.watchCertificate(running) })
	group.Go(func() error {
		in.settings.prepare(running, in.db, in.terminal)
		group.Go(func() error { return in.access.watchRanges(running) }) // whose copies are in the database
		group.Go(func() error { return in.surfaces.health.Size.Run(running) })
		group.Go(func() error { return pruneRegularly(running, in.db, in.settings.Prune) })
		group.Go(func() error { return in.delivery.run(delivering) })
		group.Go(func() error {
			in.db.Announce(delivering)
			return nil
		})
		return in.surfaces.handlers.Run(running)
	})
	for _, e := range in.endpoints {
		group.Go(e.serve)
		group.Go(func() error {
			defer drained()
			return e.drain(running, in.surfaces.health)
		})
	}
	err := group.Wait()
	in.flush(context.WithoutCancel(ctx))
	slog.Info("stopped")
	return err
}

// untilDrained returns a context for what delivers. It ends when each endpoint has called drained: no
// other process takes over while requests are answered. It ends after half of the time that these
// have at the latest, so that what is being sent then can be settled.
func (in *inbox) untilDrained(running context.Context) (ctx context.Context, drained func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(running))
	context.AfterFunc(running, func() { time.AfterFunc(drainTimeout/2, cancel) })
	var open atomic.Int64
	open.Store(int64(len(in.endpoints)))
	return ctx, func() {
		if open.Add(-1) == 0 {
			cancel()
		}
	}
}

// flush writes what the last requests left to be counted, if the database is there.
func (in *inbox) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	if err := in.surfaces.handlers.Flush(ctx); err != nil {
		slog.Warn("the last counts of refusals are not written", "error", err)
	}
}

// migrateAgain is how long a database that does not answer at the start is left alone.
const migrateAgain = time.Second

// prepare brings the schema up to date as soon as the database answers, and says which sources
// there are. It tries until then or until the context ends: messages are refused meanwhile.
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
			slog.Error("database not usable yet, messages are refused", "error", err,
				"advice", c.Database.advice(err, db))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(migrateAgain):
		}
	}
}

// greet says how to go on: on a new embedded database with a source that it makes, elsewhere with a
// command.
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
	if c.Public.isGuess() {
		slog.Info("URLs begin with localhost as a guess: " +
			"set PUBLIC_URL to the address that Salesforce reaches")
	}
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
