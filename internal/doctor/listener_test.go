package doctor_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"ackbox/internal/doctor"
	"ackbox/soap"
	"ackbox/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// secret is in every endpoint's path and query.
const secret = "S3CR3T"

// listen serves a handler, over TLS if config is not nil, and returns its address.
func listen(tb testing.TB, handler http.Handler, config *tls.Config) string {
	tb.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if server.TLS = config; config != nil {
		server.StartTLS()
	} else {
		server.Start()
	}
	tb.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// listenRaw calls serve with each connection, and returns the address.
func listenRaw(tb testing.TB, serve func(net.Conn)) string {
	tb.Helper()
	network, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = network.Close() })
	go func() {
		for {
			conn, err := network.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				serve(conn)
			}()
		}
	}()
	return network.Addr().String()
}

// public returns options with which the listener at an address seems to be on the internet, under
// the host's name and any port.
func public(address string) doctor.Options {
	return doctor.Options{
		URL:       "https://" + host + "/outbound/" + secret + "?key=" + secret,
		PublicCAs: testAuthority().root.Pool(),
		LookupIP: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("203.0.113.5")}, nil
		},
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}
}

// publicHTTP is like public, for plain HTTP.
func publicHTTP(address string) doctor.Options {
	o := public(address)
	o.URL = strings.Replace(o.URL, "https", "http", 1)
	return o
}

// examine returns the report, after checking that no form of it contains the secret.
func examine(tb testing.TB, o doctor.Options) doctor.Report {
	tb.Helper()
	var text strings.Builder
	count := 0
	o.OnCheck = func(c doctor.Check) {
		count++
		text.WriteString(c.Text())
	}
	report, err := doctor.Examine(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	encoded, err := json.Marshal(report)
	if err != nil {
		tb.Fatal(err)
	}
	if all := text.String() + report.Summary() + string(encoded); strings.Contains(all, secret) {
		tb.Errorf("the report contains the URL's secret:\n%s", all)
	}
	if count != len(report.Checks) {
		tb.Errorf("OnCheck got %d checks of %d", count, len(report.Checks))
	}
	return report
}

// problem is a check that neither passed nor was skipped.
type problem struct {
	status       doctor.Status
	name, reason string
}

func problems(report doctor.Report) (all []problem) {
	for _, c := range report.Checks {
		if c.Status == doctor.Warn || c.Status == doctor.Fail {
			all = append(all, problem{c.Status, c.Name, c.Salesforce})
		}
	}
	return all
}

func find(tb testing.TB, report doctor.Report, name string) doctor.Check {
	tb.Helper()
	for _, c := range report.Checks {
		if c.Name == name {
			return c
		}
	}
	tb.Fatalf("there is no check %s in %+v", name, report)
	return doctor.Check{}
}

// reply answers every request with that status and body.
func reply(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// refuseEmpty refuses messages without a notification and passes the others to ack.
func refuseEmpty(ack http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), "<Notification>") {
			ack(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/xml; charset=utf-8")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write(soap.Fault(soap.FaultClient, "no notification"))
	}
}

// acks is a correct listener.
var acks = refuseEmpty(reply(http.StatusOK, "text/xml; charset=utf-8", soap.Ack))
