package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"ackbox/soap"
)

// Addresses for documentation, see RFC 5737. That of the sender is in the range, that of the
// stranger is not.
const (
	senderRange    = "198.51.100.0/24"
	senderAddr     = "198.51.100.7"
	strangerAddr   = "203.0.113.9"
	forwardedFor   = "X-Forwarded-For"
	withinRefresh  = 15e9 // the interval of the refresh, 5 s, with a margin
	outsideAddress = "in none of the ranges"
)

// fromStranger are the ways in which a stranger behind a trusted proxy may try to pass for the
// sender.
var fromStranger = map[string][]string{
	"plainly":                      {forwardedFor, strangerAddr},
	"with a forged entry before":   {forwardedFor, senderAddr + ", " + strangerAddr},
	"with many forged entries":     {forwardedFor, strings.Repeat(senderAddr+", ", 200) + strangerAddr},
	"with the proxy's own address": {forwardedFor, senderAddr + ", 127.0.0.1, " + strangerAddr},
	"with an invalid address":      {forwardedFor, senderAddr + ", unknown"},
	"with nothing":                 {forwardedFor, senderAddr + ", "},
	"by headers that are not trusted": {
		forwardedFor, strangerAddr, "X-Real-Ip", senderAddr, "Forwarded", "for=" + senderAddr,
	},
}

func TestStrangersAddressesAreRefusedWhenEnforced(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		in := install(t, "DATABASE_URL="+database, "ACKBOX_ALLOWED_RANGES=192.0.2.0/24, "+senderRange,
			"ACKBOX_ALLOWED_RANGES_MODE=enforce", "TRUSTED_PROXIES=192.0.2.1, 127.0.0.1")
		in.add("crm", "--org", organization)
		s := in.serve()
		s.ready()
		requireAck(t, post(t, s.url("crm"), one("0001"), forwardedFor, senderAddr))
		requireAck(t, post(t, s.url("crm"), one("0001"), forwardedFor, strangerAddr+", "+senderAddr))
		for name, header := range fromStranger {
			t.Run(name, func(t *testing.T) {
				got := post(t, s.url("crm"), one("0002"), header...)
				checkFault(t, got, http.StatusForbidden, soap.FaultClient)
				if !strings.Contains(got.body, outsideAddress) {
					t.Errorf("got %s", got.body)
				}
			})
		}
		unknown := post(t, s.base()+"/outbound/unknown", one("0002"), forwardedFor, senderAddr)
		checkFault(t, unknown, http.StatusNotFound, soap.FaultClient)
		if got := s.export(); len(got) != 1 {
			t.Errorf("got %d notifications, want that of the sender", len(got))
		}
		checkReported(t, s, "address", http.StatusForbidden, len(fromStranger))
	})
}

func TestStrangersAddressesAreReportedInReportMode(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		s := startWith(t, database, "crm", "ACKBOX_ALLOWED_RANGES="+senderRange,
			"TRUSTED_PROXIES=127.0.0.0/8", "METRICS_TOKEN="+metricsToken)
		requireAck(t, post(t, s.url("crm"), one("0001"), forwardedFor, senderAddr))
		for _, header := range fromStranger {
			requireAck(t, post(t, s.url("crm"), one("0001"), header...))
		}
		checkReported(t, s, "address", http.StatusOK, len(fromStranger))
		page := get(t, s.base()+"/metrics", "Authorization", "Bearer "+metricsToken).body
		requireSamples(t, page,
			fmt.Sprintf(`ackbox_reports_total{cause="address"} %d`, len(fromStranger)),
			`ackbox_refusals_total{cause="address"} 0`)
	})
}

// checkReported checks that an operator finds a number of refusals or reports, and that each is
// counted.
func checkReported(t *testing.T, s *server, cause string, status, want int) {
	t.Helper()
	got, reported := 0, status == http.StatusOK
	for _, r := range s.refusals() {
		if r.Cause == cause && r.Status == status && r.Reported == reported && r.Source == "crm" && r.Detail != "" {
			got++
		}
	}
	if got != want {
		t.Errorf("got %d refusals on record for %s with status %d, want %d",
			got, cause, status, want)
	}
	line := fmt.Sprintf(`"source":"crm","cause":%q,"status":%d,"reported":%t,"refusals":%d}`,
		cause, status, reported, want)
	eventually(t, actsWithin, "the count "+line, func() bool {
		return strings.Contains(s.ok("refusals", "--counts", "--json"), line)
	})
}

// X-Forwarded-For is ignored unless a trusted proxy sent it. With the preset heroku only the
// routers of Heroku are trusted.
func TestForwardedForCountsOnlyFromTrustedProxies(t *testing.T) {
	t.Parallel()
	for _, proxies := range []string{"none", "192.0.2.1", "heroku", "127.0.0.2,::1"} {
		s := startWith(t, "sqlite:ackbox.db", "crm", "ACKBOX_ALLOWED_RANGES="+senderRange,
			"ACKBOX_ALLOWED_RANGES_MODE=enforce", "TRUSTED_PROXIES="+proxies)
		got := post(t, s.url("crm"), one("0001"), forwardedFor, senderAddr)
		if got.status != http.StatusForbidden {
			t.Errorf("%s: got %+v, want 403", proxies, got)
		}
		if got := s.refusals(); len(got) != 1 || got[0].RemoteAddr != "127.0.0.1" {
			t.Errorf("%s: got %+v, want the address of the connection", proxies, got)
		}
	}
}

func TestAFileOfRangesIsReadAgainWhenItChanges(t *testing.T) {
	t.Parallel()
	in := install(t, "ACKBOX_ALLOWED_RANGES_MODE=enforce", "TRUSTED_PROXIES=127.0.0.1",
		"DATABASE_URL=sqlite:ackbox.db")
	in.set("ACKBOX_ALLOWED_RANGES", in.write("ranges.txt", "# nobody yet\n192.0.2.0/24\n"))
	in.add("crm")
	s := in.serve()
	s.ready()
	status := func() int {
		return post(t, s.url("crm"), one("0001"), forwardedFor, senderAddr).status
	}
	if got := status(); got != http.StatusForbidden {
		t.Fatalf("got %d, want 403", got)
	}
	in.write("ranges.txt", "192.0.2.0/24\n"+senderRange+"\n")
	eventually(t, withinRefresh, "the new range is allowed", func() bool {
		return status() == http.StatusOK
	})
	in.write("ranges.txt", "0.0.0.0/0\n") // a list that allows every address is rejected
	eventually(t, withinRefresh, "a warning", func() bool {
		return strings.Contains(get(t, s.base()+"/readyz").body, "range")
	})
	got := post(t, s.url("crm"), one("0002"), forwardedFor, strangerAddr).status
	if got != http.StatusForbidden {
		t.Errorf("the stranger got %d, want 403", got)
	}
	if got := status(); got != http.StatusOK {
		t.Errorf("the sender got %d, want 200: want the last good list kept", got)
	}
}

// publisher serves a list of ranges as Salesforce does, while it is up.
type publisher struct {
	*httptest.Server
	ranges atomic.Value // a string, empty while it is down
}

func publish(t *testing.T, ranges string) *publisher {
	t.Helper()
	p := &publisher{}
	p.ranges.Store(ranges)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		ranges := p.ranges.Load().(string)
		if ranges == "" {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, `{"syncToken":"1","createDate":"2026-07-06","prefixes":[`+
			`{"provider":"aws","region":"us-east-1","ip_prefix":[%q]}]}`, ranges)
	}))
	t.Cleanup(p.Close)
	return p
}

// After a restart without the network the last list is used. Before any list has come, messages are
// refused with a 503, so that Salesforce sends them again.
func TestPublishedRangesOutliveARestart(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		p := publish(t, "")
		in := install(t, "DATABASE_URL="+database, "ACKBOX_ALLOWED_RANGES="+p.URL+"/ip-ranges.json",
			"ACKBOX_ALLOWED_RANGES_MODE=enforce", "TRUSTED_PROXIES=127.0.0.1")
		in.add("crm")
		s := in.serve()
		s.ready()
		postFrom := func(addr, id string) answer {
			return post(t, s.url("crm"), one(id), forwardedFor, addr)
		}
		checkFault(t, postFrom(senderAddr, "0001"), 503, soap.FaultServer)
		if got := get(t, s.base()+"/readyz").body; !strings.Contains(got, "range") {
			t.Errorf("/readyz does not warn: %s", got)
		}
		s.kill9()
		p.ranges.Store(senderRange)
		s.restart()
		allowed := func() bool { return postFrom(senderAddr, "0001").status == 200 }
		eventually(t, withinRefresh, "the published range is allowed", allowed)
		checkFault(t, postFrom(strangerAddr, "0002"), 403, soap.FaultClient)
		s.kill9()
		p.ranges.Store("")
		s.restart()
		eventually(t, withinRefresh, "the last published range is allowed", allowed)
		checkFault(t, postFrom(strangerAddr, "0002"), 403, soap.FaultClient)
	})
}
