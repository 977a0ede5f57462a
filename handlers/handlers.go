// Package handlers has the intakes that senders post to: who may post, how much, what is answered
// and what is counted. What a body means is for the packages of the wires, what is stored how for
// store. An intake is a wire (outbound.go) behind one way of a request (receive.go); why a request
// is refused, and with which status and words, stands in one table (refusal.go).
package handlers

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ackbox/internal/access"
	"ackbox/soap"
)

// Store is what the handlers need of the database; each part of them names what it needs.
type Store interface {
	batchSaver
	sourceReader
	refusalRecorder
	refusalCountWriter
	certificateStore
}

// Config is what the handlers are made of. Only Store is required.
type Config struct {
	Store Store
	// Types give the fields of known objects their JSON types; nil knows none.
	Types *soap.Types
	// Log is slog's default when nil.
	Log *slog.Logger
	// QuietAcks is whether messages that are acked have no line in the log.
	QuietAcks bool
	// Metrics is where the handlers register what they count; nil for nowhere.
	Metrics prometheus.Registerer
	// BodyLimit is how large a body may be, in bytes; 64 MiB when 0. All bodies that are read at once
	// may take two and a half times that together, and small ones 16 MiB.
	BodyLimit int64
	// BodyTimeout is how long a body may take to arrive, the server's limit; 30 s when 0.
	BodyTimeout time.Duration
	// SaveTimeout is how long a message may take to be stored; 10 s when 0. Salesforce waits 20 s at
	// least.
	SaveTimeout time.Duration
	// QueueLimit is how many messages may be decoded or wait to be stored; 4096 when 0.
	QueueLimit int
	// Access controls who may post.
	Access Access
}

const (
	// defaultBodyLimit takes 100 notifications with a full long text area each in Chinese, which are
	// 37 MiB: Salesforce documents no limit.
	defaultBodyLimit   = 64 << 20
	defaultBodyTimeout = 30 * time.Second
	defaultSaveTimeout = 10 * time.Second
	defaultQueueLimit  = 4096
)

// Handlers answers the requests of one process.
type Handlers struct {
	Config

	sources       *sourceCache
	unknownTokens *access.RateLimiter
	rooms         *rooms
	work          *workRoom
	saveDeadlines *deadlines
	slots         *slots
	metrics       *metrics
	refusals      *refusalCounter
	certificates  *certificateLog
}

// New returns Handlers. [Handlers.Run] must run while they serve.
func New(c Config) *Handlers {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.BodyLimit == 0 {
		c.BodyLimit = defaultBodyLimit
	}
	if c.BodyTimeout == 0 {
		c.BodyTimeout = defaultBodyTimeout
	}
	if c.SaveTimeout == 0 {
		c.SaveTimeout = defaultSaveTimeout
	}
	if c.QueueLimit == 0 {
		c.QueueLimit = defaultQueueLimit
	}
	h := &Handlers{
		Config:        c,
		sources:       newSourceCache(c.Store, c.Log),
		unknownTokens: access.NewRateLimiter(unknownTokenRate, unknownTokenBurst),
		rooms:         newRooms(c.BodyLimit),
		work:          newWorkRoom(c.BodyLimit),
		saveDeadlines: &deadlines{timeout: c.SaveTimeout},
		slots:         &slots{limit: int64(c.QueueLimit)},
		metrics:       newMetrics(),
		refusals:      newRefusalCounter(c.Store, c.Log),
		certificates:  newCertificateLog(c.Store, c.Log),
	}
	if c.Metrics != nil {
		h.metrics.register(c.Metrics)
		c.Metrics.MustRegister(h.refusals, h.certificates)
	}
	return h
}

// Run keeps what the handlers know of the sources up to date, and writes what the operator may ask
// for, until the context ends.
func (h *Handlers) Run(ctx context.Context) error {
	var running sync.WaitGroup
	running.Go(func() { h.sources.run(ctx) })
	running.Go(func() { h.refusals.runWrites(ctx) })
	running.Go(func() { h.refusals.runLog(ctx) })
	running.Go(func() { h.certificates.run(ctx) })
	running.Wait()
	return nil
}

// Flush writes what was counted since [Handlers.Run] has ended, when the last request has been
// answered.
func (h *Handlers) Flush(ctx context.Context) error {
	h.refusals.logUnlogged()
	h.certificates.wait()
	return h.refusals.flush(ctx)
}

// Warnings returns what the operator should know of the client certificates in use.
func (h *Handlers) Warnings(now time.Time) []string { return h.certificates.warnings(now) }
