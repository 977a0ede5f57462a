package handlers

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ackbox/store"
)

const (
	// sampleWindow and samples bound what is recorded and logged one by one: of each source and cause
	// so many in a window. All are counted.
	sampleWindow = 10 * time.Minute
	samples      = 100

	writeEvery   = time.Second
	writeTimeout = 5 * time.Second
	logEvery     = time.Minute
)

// refusalCountWriter writes the totals of a process in place of those that it wrote before.
type refusalCountWriter interface {
	CountRefusals(ctx context.Context, process string, totals []store.RefusalCount) error
}

// refusalKey is what refusals are counted by. There are only so many: a sender chooses none of it
// freely. What is reported was taken, though enforce would have refused it.
type refusalKey struct {
	source   string
	cause    cause
	status   int
	reported bool
}

// dayKey is a refusalKey on a day.
type dayKey struct {
	day time.Time
	refusalKey
}

// dayCount is how often something was refused on a day, and how much of that the database knows.
type dayCount struct{ counted, written int64 }

// window is what was refused of a kind since a time.
type window struct {
	since    time.Time
	refusals int
	unlogged int // of those that are no samples
}

// refusalCounter counts exactly what is refused or reported, for the database and the metrics, and
// picks what is recorded and logged one by one: a flood of bad requests fills neither the disk nor
// the log.
type refusalCounter struct {
	store   refusalCountWriter
	log     *slog.Logger
	process string

	mu       sync.Mutex
	refused  [numCauses]int64 // since the start
	reported [numCauses]int64
	days     map[dayKey]*dayCount
	windows  map[refusalKey]*window
}

func newRefusalCounter(s refusalCountWriter, log *slog.Logger) *refusalCounter {
	return &refusalCounter{
		store: s, log: log, process: rand.Text(), days: map[dayKey]*dayCount{}, windows: map[refusalKey]*window{},
	}
}

// add counts a refusal, and reports whether it is a sample.
func (c *refusalCounter) add(key refusalKey, now time.Time) (sample bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if key.reported {
		c.reported[key.cause]++
	} else {
		c.refused[key.cause]++
	}
	day := dayKey{now.UTC().Truncate(24 * time.Hour), key}
	if c.days[day] == nil {
		c.days[day] = &dayCount{}
	}
	c.days[day].counted++
	w := c.windows[key]
	if w == nil {
		w = &window{since: now}
		c.windows[key] = w
	}
	if now.Sub(w.since) >= sampleWindow {
		w.since, w.refusals = now, 0
	}
	w.refusals++
	if w.refusals > samples {
		w.unlogged++
	}
	return w.refusals <= samples
}

// runWrites writes the totals once a second, until the context ends. What is counted later is for
// [Handlers.Flush].
func (c *refusalCounter) runWrites(ctx context.Context) {
	periodic{writeEvery, c.flush, func(err error) {
		if err != nil {
			c.log.Warn("counts of refusals not written, they are kept for later", "error", err)
		}
	}}.run(ctx)
}

// runLog logs once a minute how much was left out of the log, until the context ends.
func (c *refusalCounter) runLog(ctx context.Context) {
	logUnlogged := func(context.Context) error {
		c.logUnlogged()
		return nil
	}
	periodic{logEvery, logUnlogged, nil}.run(ctx)
}

// logUnlogged logs how much was left out of the log since the last time.
func (c *refusalCounter) logUnlogged() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, w := range c.windows {
		if w.unlogged > 0 {
			c.log.Warn("more of the same, counted only", "source", key.source, "cause", key.cause.String(),
				"status", key.status, "count", w.unlogged, "reported", key.reported)
			w.unlogged = 0
		}
	}
}

// flush writes the totals that have changed.
func (c *refusalCounter) flush(ctx context.Context) error {
	changed := c.changed()
	if len(changed) == 0 {
		return nil
	}
	totals := make([]store.RefusalCount, 0, len(changed))
	for key, n := range changed {
		totals = append(totals, store.RefusalCount{
			Day: key.day, Source: key.source, Cause: key.cause.String(), Status: key.status,
			Reported: key.reported, Refusals: n,
		})
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if err := c.store.CountRefusals(ctx, c.process, totals); err != nil {
		return err
	}
	c.wrote(changed)
	return nil
}

// changed returns the totals that the database does not know yet.
func (c *refusalCounter) changed() map[dayKey]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	changed := map[dayKey]int64{}
	for key, n := range c.days {
		if n.counted > n.written {
			changed[key] = n.counted
		}
	}
	return changed
}

// wrote notes what the database knows, and forgets the days that are long over: a clock may be set
// back a little.
func (c *refusalCounter) wrote(totals map[dayKey]int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, n := range totals {
		c.days[key].written = n
	}
	for key, n := range c.days {
		if time.Since(key.day) > 72*time.Hour && n.counted == n.written {
			delete(c.days, key)
		}
	}
}

var (
	refusalsTotal = prometheus.NewDesc("ackbox_refusals_total", "Requests that got no Ack.", []string{"cause"}, nil)
	reportsTotal  = prometheus.NewDesc("ackbox_reports_total",
		"Messages taken that an access check in report mode would have refused.", []string{"cause"}, nil)
)

// reportedCauses are those of the checks that have a report mode.
var reportedCauses = [...]cause{causeAddress, causeNoRanges, causeCertificate}

// Describe implements [prometheus.Collector].
func (c *refusalCounter) Describe(to chan<- *prometheus.Desc) {
	to <- refusalsTotal
	to <- reportsTotal
}

// Collect implements [prometheus.Collector]. Each cause has its series before its first refusal:
// one that is not there cannot be alerted on.
func (c *refusalCounter) Collect(to chan<- prometheus.Metric) {
	c.mu.Lock()
	refused, reported := c.refused, c.reported
	c.mu.Unlock()
	counter := func(d *prometheus.Desc, n int64, label string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), label)
	}
	for cause, n := range refused {
		counter(refusalsTotal, n, answers[cause].name)
	}
	for _, cause := range reportedCauses {
		counter(reportsTotal, reported[cause], cause.String())
	}
}
