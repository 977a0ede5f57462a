package relay

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ackbox/store"
)

const (
	// lookEvery is how often a monitor looks at the destinations, so that however many ask, the
	// database is asked once.
	lookEvery   = 5 * time.Second
	lookTimeout = 5 * time.Second
	// warnAfter is how long a destination may be down, or the log held up, without a warning.
	warnAfter = time.Minute
	// unmatchedFor is for how long a filter that could not be computed is warned of.
	unmatchedFor = time.Hour
)

// StatusReader reads how far the destinations are.
type StatusReader interface {
	DestinationStatuses(ctx context.Context) ([]store.DestinationStatus, error)
}

// Monitor knows how far all destinations are, whatever process delivers to them, as gauges and as
// warnings.
type Monitor struct {
	database StatusReader
	hold     func() (store.LogHold, bool)
	slog     *slog.Logger

	mu        sync.Mutex
	all       []store.DestinationStatus
	down      map[int64]time.Time // since when a destination was seen to fail
	unmatched map[int64]unmatched
	heldLong  bool // was logged

	waiting, oldest, deliveries, isDown, isActive, held *prometheus.Desc
}

// unmatched is how often a filter could not be computed, and when that was seen to rise.
type unmatched struct {
	n  int64
	at time.Time
}

// NewMonitor returns a monitor that knows nothing yet: [Monitor.Run] must run. Hold returns what
// keeps the log from being read, or is nil if this process does not read it.
func NewMonitor(
	db StatusReader, hold func() (store.LogHold, bool), logger *slog.Logger, r prometheus.Registerer,
) *Monitor {
	gauge := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("ackbox_"+name, help, labels, nil)
	}
	m := &Monitor{
		database: db, hold: hold, slog: logger, down: map[int64]time.Time{}, unmatched: map[int64]unmatched{},
		waiting: gauge("destination_waiting",
			"Notifications that a destination has not been sent yet; by their ids, with gaps, beyond 10000.", "destination"),
		oldest: gauge("destination_oldest_waiting_seconds",
			"Age of the oldest notification that a destination has not been sent yet, 0 without any.", "destination"),
		deliveries: gauge("destination_deliveries",
			"Events that are tried again (retry), that wait for one of their record (held) or that were given up (dead).",
			"destination", "state"),
		isDown:   gauge("destination_down", "1 if the last attempts failed because of the destination.", "destination"),
		isActive: gauge("destination_active", "0 if the destination is paused or disabled.", "destination"),
		held:     gauge("log_held_seconds", "For how long a transaction has kept notifications from being delivered."),
	}
	r.MustRegister(m)
	return m
}

// Run looks at the destinations every 5 seconds until the context ends.
func (m *Monitor) Run(ctx context.Context) error {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		if err := m.look(ctx, time.Now()); err != nil && ctx.Err() == nil {
			m.slog.Debug("destinations not looked at", "error", err) // others say that the database is down
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// look reads how far the destinations are.
func (m *Monitor) look(ctx context.Context, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	all, err := m.database.DestinationStatuses(ctx)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	down, seen := map[int64]time.Time{}, map[int64]unmatched{}
	for i := range all {
		d := &all[i]
		if isDown(d) {
			since, before := m.down[d.ID]
			if !before {
				since = now
			}
			down[d.ID] = since
		}
		u, before := m.unmatched[d.ID]
		if before && d.Progress.Unmatched > u.n {
			u.at = now
		}
		u.n = d.Progress.Unmatched
		seen[d.ID] = u
	}
	m.all, m.down, m.unmatched = all, down, seen
	m.logHold(now)
	return nil
}

// logHold says once when the log is held up for long.
func (m *Monitor) logHold(now time.Time) {
	hold, long := m.longHold(now)
	if long && !m.heldLong {
		m.slog.Warn("a transaction keeps notifications from being delivered: end it",
			"pids", hold.PIDs, "duration", now.Sub(hold.Since).Round(time.Second))
	}
	m.heldLong = long
}

func (m *Monitor) longHold(now time.Time) (hold store.LogHold, long bool) {
	hold, held := m.heldUp()
	return hold, held && now.Sub(hold.Since) > warnAfter
}

func (m *Monitor) heldUp() (hold store.LogHold, held bool) {
	if m.hold == nil {
		return hold, false
	}
	return m.hold()
}

// isDown reports whether a destination is to get events and fails.
func isDown(d *store.DestinationStatus) bool {
	return d.State == store.Active && d.Progress.Failures > 0
}

// Warnings returns a sentence for each kind of trouble. They name no destination: whoever may read
// /readyz may read them.
func (m *Monitor) Warnings(now time.Time) (warnings []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var dead, disabled, down, stopped, failing int64
	for i := range m.all {
		d := &m.all[i]
		dead += d.Backlog.Dead
		if d.State == store.Disabled {
			disabled++
		}
		if since, found := m.down[d.ID]; found && now.Sub(since) > warnAfter {
			down++
		}
		if d.Backlog.Retry+d.Backlog.Held >= int64(Defaults().MaxOpen) {
			stopped++
		}
		if at := m.unmatched[d.ID].at; !at.IsZero() && now.Sub(at) < unmatchedFor {
			failing++
		}
	}
	for _, warning := range []struct {
		n         int64
		one, many string
	}{
		{dead, "1 event was given up", "%d events were given up"},
		{disabled, "1 destination is disabled", "%d destinations are disabled"},
		{down, "1 destination has been down for more than a minute",
			"%d destinations have been down for more than a minute"},
		{stopped, "1 destination gets nothing new, as too many of its events have failed",
			"%d destinations get nothing new, as too many of their events have failed"},
		{failing, "the filter of 1 destination could not be computed for notifications of the last hour",
			"the filters of %d destinations could not be computed for notifications of the last hour"},
	} {
		switch {
		case warning.n == 1:
			warnings = append(warnings, warning.one)
		case warning.n > 1:
			warnings = append(warnings, fmt.Sprintf(warning.many, warning.n))
		}
	}
	if hold, long := m.longHold(now); long {
		warnings = append(warnings, fmt.Sprintf("nothing new is delivered for %s: a transaction of the database's "+
			"process %s has not ended", now.Sub(hold.Since).Round(time.Second), joined(hold.PIDs)))
	}
	return warnings
}

func joined(ids []int64) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = strconv.FormatInt(id, 10)
	}
	return strings.Join(texts, ", ")
}

// Describe implements prometheus.Collector.
func (m *Monitor) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{m.waiting, m.oldest, m.deliveries, m.isDown, m.isActive, m.held} {
		to <- desc
	}
}

// Collect implements prometheus.Collector.
func (m *Monitor) Collect(to chan<- prometheus.Metric) {
	m.mu.Lock()
	all := m.all
	m.mu.Unlock()
	now := time.Now()
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	truth := func(holds bool) float64 {
		if holds {
			return 1
		}
		return 0
	}
	for i := range all {
		d := &all[i]
		age := 0.0
		if d.Backlog.Oldest != nil {
			age = max(0, now.Sub(*d.Backlog.Oldest).Seconds())
		}
		gauge(m.waiting, float64(d.Backlog.Waiting), d.Name)
		gauge(m.oldest, age, d.Name)
		gauge(m.deliveries, float64(d.Backlog.Retry), d.Name, store.Retry.String())
		gauge(m.deliveries, float64(d.Backlog.Held), d.Name, store.Held.String())
		gauge(m.deliveries, float64(d.Backlog.Dead), d.Name, store.Dead.String())
		gauge(m.isDown, truth(isDown(d)), d.Name)
		gauge(m.isActive, truth(d.State == store.Active), d.Name)
	}
	seconds := 0.0
	if hold, held := m.heldUp(); held {
		seconds = now.Sub(hold.Since).Seconds()
	}
	gauge(m.held, seconds)
}
