package handlers

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ackbox/ledger"
	"ackbox/store"
)

// metrics counts what is accepted; refusalCounter counts the rest. No label has a value that a
// sender chooses freely.
type metrics struct {
	messages      *prometheus.CounterVec
	notifications *prometheus.CounterVec
	drift         *prometheus.CounterVec
	oddities      *prometheus.CounterVec
	ackSeconds    prometheus.Histogram

	mu      sync.RWMutex
	sources map[string]*sourceMetrics // by name
}

// sourceMetrics are the counters of a source: to find one by its labels takes longer than to count.
type sourceMetrics struct {
	messages, oddities            prometheus.Counter
	stored, revisions, duplicates prometheus.Counter
}

func newMetrics() *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	return &metrics{
		sources:  map[string]*sourceMetrics{},
		messages: counter("ackbox_messages_total", "Messages acked.", "source"),
		notifications: counter("ackbox_notifications_total",
			"Notifications of acked messages: stored, a revision of a stored one, or a duplicate.", "source", "result"),
		drift: counter("ackbox_drift_total",
			"Values that do not fit their WSDL, and fields that it does not name.", "object"),
		oddities: counter("ackbox_oddities_total",
			"Characters and references in the texts of acked messages that XML forbids.", "source"),
		ackSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ackbox_ack_seconds", Help: "Time from the request's header to its Ack.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20},
		}),
	}
}

func (m *metrics) register(r prometheus.Registerer) {
	r.MustRegister(m.messages, m.notifications, m.drift, m.oddities, m.ackSeconds)
}

func (m *metrics) accepted(source string, batch *ledger.Batch, saved store.Saved, took time.Duration) {
	counters := m.of(source)
	counters.messages.Inc()
	counters.oddities.Add(float64(batch.Oddities))
	counters.stored.Add(float64(saved.Stored))
	counters.revisions.Add(float64(saved.Revisions))
	counters.duplicates.Add(float64(saved.Duplicates))
	m.ackSeconds.Observe(took.Seconds())
}

// of returns the counters of a source, which exist from its first message on.
func (m *metrics) of(source string) *sourceMetrics {
	m.mu.RLock()
	counters := m.sources[source]
	m.mu.RUnlock()
	if counters != nil {
		return counters
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	counters = &sourceMetrics{ // the same counters if somebody else has made it meanwhile
		messages:   m.messages.WithLabelValues(source),
		oddities:   m.oddities.WithLabelValues(source),
		stored:     m.notifications.WithLabelValues(source, "stored"),
		revisions:  m.notifications.WithLabelValues(source, "revision"),
		duplicates: m.notifications.WithLabelValues(source, "duplicate"),
	}
	m.sources[source] = counters
	return counters
}

// drifted counts per object: only objects with a WSDL drift, so the label is bounded.
func (m *metrics) drifted(batch *ledger.Batch) {
	for i := range batch.Entries {
		if e := &batch.Entries[i]; e.Drift > 0 {
			m.drift.WithLabelValues(*e.ObjectType).Add(float64(e.Drift))
		}
	}
}
