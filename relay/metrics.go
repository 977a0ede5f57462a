package relay

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ackbox/store"
)

// Metrics count what this process has delivered, for each destination. Their labels are the names
// of destinations, which operators give.
type Metrics struct {
	events  *prometheus.CounterVec
	retries *prometheus.CounterVec
	seconds *prometheus.HistogramVec

	mu           sync.Mutex
	destinations map[string]*destinationMetrics
}

// NewMetrics returns metrics that are registered.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		destinations: map[string]*destinationMetrics{},
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ackbox_destination_events_total",
			Help: "Events by what became of them: delivered, filtered (not wanted), skipped (older than what " +
				"was delivered), failed (at the first attempt) or dead (given up).",
		}, []string{"destination", "result"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ackbox_destination_retries_total", Help: "Attempts with events that had failed.",
		}, []string{"destination"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ackbox_destination_delivery_seconds",
			Help: "Time from the receipt of a notification to its delivery, if the first attempt succeeded.",
			Buckets: []float64{
				.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 3600,
			},
		}, []string{"destination"}),
	}
	r.MustRegister(m.events, m.retries, m.seconds)
	return m
}

// destinationMetrics are the metrics of one destination. To find them by their labels takes longer
// than to count. Nil counts nothing.
type destinationMetrics struct {
	delivered, filtered, skipped, failed, dead, retries prometheus.Counter
	seconds                                             prometheus.Observer
}

// of returns the metrics of a destination, which exist from then on. M may be nil.
func (m *Metrics) of(destination string) *destinationMetrics {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if found := m.destinations[destination]; found != nil {
		return found
	}
	events := func(result string) prometheus.Counter { return m.events.WithLabelValues(destination, result) }
	made := &destinationMetrics{
		delivered: events("delivered"), filtered: events("filtered"), skipped: events("skipped"),
		failed: events("failed"), dead: events("dead"), retries: m.retries.WithLabelValues(destination),
		seconds: m.seconds.WithLabelValues(destination),
	}
	m.destinations[destination] = made
	return made
}

// settled counts what was settled.
func (m *destinationMetrics) settled(done *store.Settlement) {
	if m == nil {
		return
	}
	for _, count := range []struct {
		counter prometheus.Counter
		n       int64
	}{
		{m.delivered, done.Delivered}, {m.filtered, done.Filtered}, {m.skipped, done.Skipped},
		{m.failed, done.Failed}, {m.dead, done.Dead}, {m.retries, done.Retried},
	} {
		if count.n > 0 {
			count.counter.Add(float64(count.n))
		}
	}
}

// deliveredAt observes how long the first attempts took that have succeeded.
func (m *destinationMetrics) deliveredAt(items []item, now time.Time) {
	if m == nil {
		return
	}
	for i := range items {
		if item := &items[i]; item.fate == wanted && item.verdict.Outcome == Success {
			m.seconds.Observe(max(0, now.Sub(item.notification.ReceivedAt)).Seconds())
		}
	}
}
