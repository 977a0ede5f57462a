package handlers

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"ackbox/ledger"
	"ackbox/store"
)

// metrics counts what the handlers do. No label has a value that a sender chooses freely.
type metrics struct {
	page          http.Handler
	messages      *prometheus.CounterVec
	notifications *prometheus.CounterVec
	refusals      *prometheus.CounterVec
	reports       *prometheus.CounterVec
	drift         *prometheus.CounterVec
	ackSeconds    prometheus.Histogram
}

func newMetrics(h *Handlers) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &metrics{
		messages: counter("ackbox_messages_total", "Messages acked.", "source"),
		notifications: counter("ackbox_notifications_total",
			"Notifications of acked messages: stored, a revision of a stored one, or a duplicate.", "source", "result"),
		refusals: counter("ackbox_refusals_total", "Requests that got no Ack.", "cause"),
		reports:  counter("ackbox_reports_total", "Messages taken that a door in report mode would have refused.", "cause"),
		drift: counter("ackbox_drift_total",
			"Values that do not fit their WSDL, and fields that it does not name.", "object"),
		ackSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ackbox_ack_seconds", Help: "Time from the request's header to its Ack.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20},
		}),
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(m.messages, m.notifications, m.refusals, m.reports, m.drift, m.ackSeconds, doorMetrics{h},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, c := range []cause{causeAddress, causeNoRanges, causeCertificate} {
		m.reports.WithLabelValues(string(c))
	}
	for c := range answers {
		m.refusals.WithLabelValues(string(c)) // a series that is there before its first event can be alerted on
	}
	m.page = promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	return m
}

func (m *metrics) acked(source string, saved store.Saved, took time.Duration) {
	m.messages.WithLabelValues(source).Inc()
	m.notifications.WithLabelValues(source, "stored").Add(float64(saved.Stored))
	m.notifications.WithLabelValues(source, "revision").Add(float64(saved.Revisions))
	m.notifications.WithLabelValues(source, "duplicate").Add(float64(saved.Duplicates))
	m.ackSeconds.Observe(took.Seconds())
}

func (m *metrics) refused(c cause) { m.refusals.WithLabelValues(string(c)).Inc() }

func (m *metrics) reported(c cause) { m.reports.WithLabelValues(string(c)).Inc() }

// drifted counts per object: only objects with a WSDL drift, so the label is bounded.
func (m *metrics) drifted(batch *ledger.Batch) {
	for i := range batch.Entries {
		if e := &batch.Entries[i]; e.Drift > 0 {
			m.drift.WithLabelValues(*e.ObjectType).Add(float64(e.Drift))
		}
	}
}

func (h *Handlers) metricsPage(c echo.Context) error {
	h.metrics.page.ServeHTTP(c.Response(), c.Request())
	return nil
}

// publicMetrics gives the metrics to those who have the token. Without one there are none here.
func (h *Handlers) publicMetrics(c echo.Context) error {
	given, isBearer := strings.CutPrefix(c.Request().Header.Get(echo.HeaderAuthorization), "Bearer ")
	want, got := sha256.Sum256([]byte(h.MetricsToken)), sha256.Sum256([]byte(given))
	if h.MetricsToken == "" || !isBearer || subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		return echo.ErrNotFound
	}
	return h.metricsPage(c)
}
