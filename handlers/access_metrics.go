package handlers

import (
	"github.com/prometheus/client_golang/prometheus"
)

// doorMetrics reads the doors when they are asked for.
type doorMetrics struct{ h *Handlers }

var (
	clientCertificateEnds = prometheus.NewDesc("ackbox_client_certificate_not_after_seconds",
		"When the accepted client certificate that was shown last ends, in Unix time.", []string{"source"}, nil)
	serverCertificateEnds = prometheus.NewDesc("ackbox_tls_certificate_not_after_seconds",
		"When the certificate of this server ends, in Unix time.", nil, nil)
	connectionsOpen = prometheus.NewDesc("ackbox_connections", "Connections that are open.", nil, nil)
	connectionsShed = prometheus.NewDesc("ackbox_connections_shed_total",
		"Connections closed to make room for others.", nil, nil)
)

// Describe implements prometheus.Collector.
func (m doorMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{clientCertificateEnds, serverCertificateEnds, connectionsOpen, connectionsShed} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (m doorMetrics) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	for source, c := range m.h.sightings.current() {
		gauge(clientCertificateEnds, float64(c.NotAfter.Unix()), source)
	}
	if s := m.h.Doors.ServerCertificate; s != nil {
		gauge(serverCertificateEnds, float64(s.NotAfter().Unix()))
	}
	if c := m.h.Doors.Connections; c != nil {
		gauge(connectionsOpen, float64(c.Open()))
		to <- prometheus.MustNewConstMetric(connectionsShed, prometheus.CounterValue, float64(c.Shed()))
	}
}
