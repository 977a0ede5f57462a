// Package handlers is the surface that Salesforce posts to, on Echo: who may post, how much, what is answered and what
// is counted. What an envelope means is soap's matter, what is stored how is store's.
//
// Under /outbound every answer but 200 is a SOAP Fault, and there is never a redirect, an authentication challenge or
// compression: Salesforce takes each of them for "Content is not allowed in prolog" (help 000381752).
package handlers

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"ackbox/internal/access"
	"ackbox/soap"
	"ackbox/store"
)

// Store is what the handlers need of the database.
type Store interface {
	Save(ctx context.Context, in store.Inbound) (store.Saved, error)
	Refuse(ctx context.Context, r store.Refusal) error
	CountRefusals(ctx context.Context, process string, totals []store.RefusalCount) error
	SawCertificate(ctx context.Context, c store.ClientCertificate) error
	ClientCertificates(ctx context.Context) ([]store.ClientCertificate, error)
	Sources(ctx context.Context) ([]store.Source, error)
	Health(ctx context.Context) (store.Health, error)
}

// Config is what the handlers are made of. Only Store is required.
type Config struct {
	Store Store
	// Types give the fields of known objects their JSON types; nil knows none.
	Types *soap.Types
	// Log is slog's default when nil.
	Log *slog.Logger
	// BodyLimit is how large a body may be, in bytes; 32 MiB when 0.
	BodyLimit int64
	// BodiesLimit is how large all bodies that are being worked on may be together, in bytes; 4 times BodyLimit when 0.
	BodiesLimit int64
	// SaveTimeout is how long a message may take to be stored; 10 s when 0. Salesforce waits 20 s at least.
	SaveTimeout time.Duration
	// Doors keep strangers out.
	Doors Doors
	// MetricsToken, when set, opens /metrics of the public address to requests with it as a bearer token.
	MetricsToken string
}

// DefaultBodyLimit takes 100 notifications with two full long text areas each: Salesforce documents no limit.
const DefaultBodyLimit = 32 << 20

// Handlers answers the requests of one process.
type Handlers struct {
	Config

	sources   *directory
	strays    *access.RateLimiter // who ask for URLs that do not exist
	bodies    *semaphore.Weighted
	decoding  *semaphore.Weighted
	metrics   *metrics
	tally     *tally
	sightings *sightings
	health    checkup
	stopping  atomic.Bool
}

// New makes Handlers. [Handlers.Run] must run while they serve.
func New(c Config) *Handlers {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.BodyLimit == 0 {
		c.BodyLimit = DefaultBodyLimit
	}
	if c.BodiesLimit == 0 {
		c.BodiesLimit = 4 * c.BodyLimit
	}
	if c.SaveTimeout == 0 {
		c.SaveTimeout = 10 * time.Second
	}
	h := &Handlers{
		Config:  c,
		sources: newDirectory(c.Store, c.Log),
		strays:  access.NewRateLimiter(strayRate, strayBurst),
		bodies:  semaphore.NewWeighted(c.BodiesLimit),
		// Decoding takes several times a body's room for a moment: of the largest bodies one at a time is decoded.
		decoding:  semaphore.NewWeighted(c.BodyLimit),
		tally:     newTally(c.Store, c.Log),
		sightings: &sightings{store: c.Store, log: c.Log, seen: map[sightingKey]*sighting{}},
	}
	h.metrics = newMetrics(h)
	return h
}

// Run keeps what the handlers know of the sources up to date, and writes what the operator may ask for, until the
// context ends.
func (h *Handlers) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return h.sources.run(ctx) })
	group.Go(func() error { return h.tally.run(ctx) })
	group.Go(func() error { return h.sightings.run(ctx) })
	return group.Wait()
}

// Flush writes what was counted since [Handlers.Run] has ended, when the last request has been answered.
func (h *Handlers) Flush(ctx context.Context) error {
	h.tally.logUnlogged()
	return errors.Join(h.tally.flush(ctx), h.sightings.flush(ctx))
}

// Stop makes /readyz say that the process is going away. Messages are still taken: whoever has a connection is served.
func (h *Handlers) Stop() { h.stopping.Store(true) }

// outboundPath is where sources are posted to; all errors below it are Faults.
const outboundPath = "/outbound"

// Register adds the routes of the public address.
func Register(e *echo.Echo, h *Handlers) {
	e.GET("/healthz", h.healthz)
	e.GET("/readyz", h.readyz)
	e.GET("/metrics", h.publicMetrics)
	e.POST(outboundPath+"/:token", h.receive)
	e.GET(outboundPath+"/:token", h.page)
	e.HEAD(outboundPath+"/:token", h.page)
	e.OPTIONS(outboundPath+"/:token", notAllowed)
}

// RegisterAdmin adds the routes of the address that only operators reach.
func RegisterAdmin(e *echo.Echo, h *Handlers) {
	e.GET("/healthz", h.healthz)
	e.GET("/readyz", h.readyz)
	e.GET("/metrics", h.metricsPage)
}
