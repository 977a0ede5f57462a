package certificate_test

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestServerRegister(t *testing.T) {
	t.Parallel()
	renewed := testCA().leaf(func(c *x509.Certificate) {
		c.NotAfter = time.Date(2100, time.January, 1, 0, 0, 0, 0, time.UTC)
	})
	watch(t, func(t *testing.T, w *watched) {
		r := prometheus.NewPedanticRegistry()
		w.Register(r)
		if got, want := gauge(t, r), float64(w.NotAfter().Unix()); got != want {
			t.Errorf("got %v, want %v", got, want)
		}
		w.files.replace(renewed)
		w.wait()
		want := `# HELP ackbox_tls_certificate_not_after_seconds When the certificate of this server ends, in Unix time.
# TYPE ackbox_tls_certificate_not_after_seconds gauge
ackbox_tls_certificate_not_after_seconds 4.1024448e+09
`
		if err := testutil.GatherAndCompare(r, strings.NewReader(want)); err != nil {
			t.Error(err)
		}
	})
}

// gauge returns the value of the only metric.
func gauge(t *testing.T, r prometheus.Gatherer) float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil || len(families) != 1 || len(families[0].Metric) != 1 {
		t.Fatalf("got %v, %v, want one metric", families, err)
	}
	return families[0].Metric[0].Gauge.GetValue()
}
