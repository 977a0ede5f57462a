package e2e_test

import (
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

const metricsToken = "metricsTokenMetricsToken"

func TestMetricsCountWhatWasDone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		s := startWith(t, database, "crm", "METRICS_TOKEN="+metricsToken)
		revised := strings.Replace(string(one("0001")), "</sf:Id>", "</sf:Id><sf:City>Bonn</sf:City>", 1)
		both := envelope(lead("04lS10000000001IAA", "00QS10000000001IAA", ""),
			lead("04lS10000000002IAA", "00QS10000000002IAA", ""))
		for _, body := range [][]byte{one("0001"), []byte(revised), both, both} {
			requireAck(t, post(t, s.url("crm"), body))
		}
		post(t, s.url("crm"), []byte("no XML"))
		post(t, s.url("crm"), nil, "Content-Type", "application/soap+xml")
		post(t, s.base()+"/outbound/nobody", one("0001"))
		page := get(t, s.base()+"/metrics", "Authorization", "Bearer "+metricsToken)
		if page.status != http.StatusOK {
			t.Fatalf("got %+v, want the metrics", page)
		}
		requireSamples(t, page.body,
			`ackbox_notifications_total{result="stored",source="crm"} 2`,
			`ackbox_notifications_total{result="revision",source="crm"} 1`,
			`ackbox_notifications_total{result="duplicate",source="crm"} 3`,
			`ackbox_refusals_total{cause="shape"} 1`,
			`ackbox_refusals_total{cause="content_type"} 1`,
			`ackbox_refusals_total{cause="unknown_token"} 1`,
			`ackbox_refusals_total{cause="organization"} 0`,
			`ackbox_ack_seconds_count 4`,
		)
		if strings.Contains(page.body, strings.TrimPrefix(s.paths["crm"], "/outbound/")) {
			t.Error("the metrics hold a token")
		}
	})
}

func requireSamples(t *testing.T, page string, samples ...string) {
	t.Helper()
	for _, sample := range samples {
		if !strings.Contains("\n"+page, "\n"+sample+"\n") {
			name, _, _ := strings.Cut(sample, "{")
			others := regexp.MustCompile(`(?m)^`+name+`.*$`).FindAllString(page, -1)
			t.Errorf("got no %s among\n%s", sample, strings.Join(others, "\n"))
		}
	}
}

func TestMetricsAreClosedToStrangers(t *testing.T) {
	t.Parallel()
	closed := start(t, "ACKBOX_ADMIN_ADDR="+freeAddr(t))
	open := start(t, "METRICS_TOKEN="+metricsToken)
	admin := "http://" + closed.setting("ACKBOX_ADMIN_ADDR")
	for _, test := range []struct {
		url, authorization string
		want               int
	}{
		{closed.base() + "/metrics", "", 404},
		{closed.base() + "/metrics", "Bearer ", 404},
		{closed.base() + "/metrics", "Bearer " + metricsToken, 404},
		{open.base() + "/metrics", "", 404},
		{open.base() + "/metrics", "Bearer", 404},
		{open.base() + "/metrics", "Bearer wrong", 404},
		{open.base() + "/metrics", "Basic " + metricsToken, 404},
		{open.base() + "/metrics", "Bearer " + metricsToken, 200},
		{admin + "/metrics", "", 200},
		{admin + "/readyz", "", 200},
		{admin + "/healthz", "", 200},
		{admin + "/outbound/nobody", "", 404},
	} {
		if got := get(t, test.url, "Authorization", test.authorization); got.status != test.want {
			t.Errorf("%s with %q: got status %d, want %d",
				test.url, test.authorization, got.status, test.want)
		}
	}
}

// freeAddr returns an address that nothing listens on at this moment.
func freeAddr(tb testing.TB) string {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// setting returns the value of a setting.
func (in *installation) setting(name string) string {
	for _, s := range in.env {
		if value, ok := strings.CutPrefix(s, name+"="); ok {
			return value
		}
	}
	return ""
}
