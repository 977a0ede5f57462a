package certificate

import "github.com/prometheus/client_golang/prometheus"

// Register registers the metric of the server's certificate. It is read when it is scraped. It
// panics if r has it already.
func (s *Server) Register(r prometheus.Registerer) {
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ackbox_tls_certificate_not_after_seconds",
		Help: "When the certificate of this server ends, in Unix time.",
	}, func() float64 { return float64(s.NotAfter().Unix()) }))
}
