package access_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestConnectionsRegister(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 2, nil)
	r := prometheus.NewPedanticRegistry()
	f.c.Register(r)
	requireMetrics(t, r, "0", "0")
	f.accept("a1", "192.0.2.1")
	requireMetrics(t, r, "1", "0")
	f.accept("a2", "192.0.2.1")
	f.accept("a3", "192.0.2.1")
	requireMetrics(t, r, "2", "1")
	_ = f.server["a3"].Close() // never fails with a pipe
	requireMetrics(t, r, "1", "1")
}

func requireMetrics(t *testing.T, r prometheus.Gatherer, open, shed string) {
	t.Helper()
	want := `# HELP ackbox_connections Connections that are open.
# TYPE ackbox_connections gauge
ackbox_connections ` + open + `
# HELP ackbox_connections_shed_total Connections closed to make room for others.
# TYPE ackbox_connections_shed_total counter
ackbox_connections_shed_total ` + shed + "\n"
	if err := testutil.GatherAndCompare(r, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}
