package access

import "github.com/prometheus/client_golang/prometheus"

// Register registers the metrics of the connections. They are read when they are scraped. It panics
// if r has them already.
func (c *Connections) Register(r prometheus.Registerer) {
	r.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "ackbox_connections",
			Help: "Connections that are open.",
		}, func() float64 { return float64(c.Open()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "ackbox_connections_shed_total",
			Help: "Connections closed to make room for others.",
		}, func() float64 { return float64(c.Shed()) }),
	)
}
