package doctor_test

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"ackbox/handlers"
	"ackbox/internal/doctor"
	"ackbox/internal/web"
	"ackbox/simulate"
	"ackbox/store"
	"ackbox/store/storetest"

	"github.com/google/go-cmp/cmp"
)

func TestAckboxPasses(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]*tls.Config{"HTTP": nil, "TLS": testAuthority().good()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := storetest.New(t, storetest.SQLite)
			token := addSource(t, db.Store)
			o := public(listen(t, newRoutes(t, db.Store), config))
			o.URL = "https://" + host + "/outbound/" + token
			want := []problem(nil)
			if config == nil {
				o.URL = strings.Replace(o.URL, "https", "http", 1)
				want = []problem{{doctor.Warn, "tls", ""}}
			}
			report := examine(t, o)
			if diff := cmp.Diff(want, problems(report), cmp.AllowUnexported(problem{})); diff != "" {
				t.Error(diff)
			}
			if got := stored(t, db.Store); len(got) != 0 {
				t.Errorf("stored without --send: %+v", got)
			}
			if report.Listener != "ackbox" {
				t.Errorf("the listener is %q", report.Listener)
			}

			o.Send = true
			report = examine(t, o)
			if diff := cmp.Diff(want, problems(report), cmp.AllowUnexported(problem{})); diff != "" {
				t.Error(diff)
			}
			got := stored(t, db.Store)
			if len(got) != 1 || *got[0].ObjectType != "ackbox_doctor__c" {
				t.Fatalf("stored %+v, want the test message once", got)
			}
			if found := find(t, report, "message").Found; !strings.Contains(found, got[0].NotificationID) {
				t.Errorf("%q does not name the notification %s", found, got[0].NotificationID)
			}
		})
	}
}

func TestURLsThatAckboxDoesNotKnowFail(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		token := addSource(t, db.Store)
		rotated, err := db.Store.RotateToken(t.Context(), "default", 0, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		address := listen(t, newRoutes(t, db.Store), testAuthority().good())
		o := public(address)
		for path, want := range map[string]doctor.Status{
			"/outbound/" + rotated:        doctor.Pass,
			"/outbound/" + token:          doctor.Fail,
			"/outbound/" + token[:40]:     doctor.Fail,
			"/outbound/" + rotated + "/x": doctor.Fail,
			"/outbound/":                  doctor.Fail,
			"/outbound":                   doctor.Fail,
			"/":                           doctor.Fail,
			"/" + rotated:                 doctor.Fail,
		} {
			o.URL = "https://" + host + path
			got := find(t, examine(t, o), "refusal")
			if got.Status != want {
				t.Errorf("%s: got %+v, want %s", path, got, want)
			}
			if want == doctor.Fail && !strings.Contains(got.Todo, "copy the URL again") {
				t.Errorf("%s: got %+v, want what to do about the URL", path, got)
			}
			if want == doctor.Pass && !strings.Contains(got.Found, "the URL is known") {
				t.Errorf("%s: got %+v, want that the URL is known", path, got)
			}
		}
	})
}

// newRoutes returns what ackbox answers under /outbound.
func newRoutes(tb testing.TB, s *store.Store) http.Handler {
	tb.Helper()
	h := handlers.New(handlers.Config{Store: s, Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = h.Run(ctx)
	}()
	tb.Cleanup(func() {
		cancel()
		<-ended
	})
	w := web.New(h.Log, h.Access.Proxies.Remote)
	handlers.RegisterOutbound(w.Surface(handlers.OutboundPath, h.OutboundErrors), h)
	return w
}

func addSource(tb testing.TB, s *store.Store) (token string) {
	tb.Helper()
	_, token, err := s.AddSource(tb.Context(), "default", nil, time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

func stored(tb testing.TB, s *store.Store) (all []store.Notification) {
	tb.Helper()
	err := s.Notifications(tb.Context(), store.NotificationFilter{}, func(n store.Notification) error {
		all = append(all, n)
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

func TestPorts(t *testing.T) {
	t.Parallel()
	address := listen(t, acks, testAuthority().good())
	tests := []struct {
		url    string
		status doctor.Status
		found  string
	}{
		{"https://inbox.example/", doctor.Pass, "443"},
		{"https://inbox.example:8443/", doctor.Pass, "8443"},
		{"https://inbox.example:80/", doctor.Fail, "https on port 80"},
		{"http://inbox.example/", doctor.Pass, "80"},
		{"http://inbox.example:443/", doctor.Fail, "plain http on port 443"},
		{"https://inbox.example:81/", doctor.Fail, "port 81"},
		{"https://inbox.example:1023/", doctor.Fail, "port 1023"},
		{"https://inbox.example:1024/", doctor.Pass, "1024"},
		{"https://inbox.example:65535/", doctor.Pass, "65535"},
		{"https://inbox.example:65536/", doctor.Fail, "not between"},
		{"https://inbox.example:0/", doctor.Fail, "not between"},
		{"https://inbox.example:99999999999999999999/", doctor.Fail, "not between"},
	}
	for _, tt := range tests {
		t.Run(tt.url, func(t *testing.T) {
			t.Parallel()
			o := public(address)
			o.URL = tt.url + secret
			got := find(t, examine(t, o), "port")
			if got.Status != tt.status || !strings.Contains(got.Found, tt.found) {
				t.Errorf("got %+v, want %s and %q", got, tt.status, tt.found)
			}
		})
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	address := listen(t, acks, testAuthority().good())
	notFound := &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	tests := []struct {
		name   string
		found  []string
		err    error
		status doctor.Status
		reason string
		want   string
	}{
		{"public", []string{"203.0.113.5", "2001:db8::1"}, nil, doctor.Pass, "",
			"203.0.113.5, 2001:db8::1"},
		{"loopback", []string{"127.0.0.1"}, nil, doctor.Warn, "", "of this machine"},
		{"private", []string{"203.0.113.5", "10.1.2.3"}, nil, doctor.Warn, "", "10.1.2.3: an address"},
		{"a provider's", []string{"::ffff:100.64.0.1"}, nil, doctor.Warn, "", "100.64.0.1: an address"},
		{"IPv6 only", []string{"2001:db8::1"}, nil, doctor.Warn, "", "no IPv4 address"},
		{"unknown", nil, notFound, doctor.Fail, simulate.ReasonHost + ": " + host, "does not exist"},
		{"no resolver", nil, errors.New("broken"), doctor.Fail, simulate.ReasonHost + ": " + host,
			"from here"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := public(address)
			o.LookupIP = func(context.Context, string) (addresses []netip.Addr, err error) {
				for _, a := range tt.found {
					addresses = append(addresses, netip.MustParseAddr(a))
				}
				return addresses, tt.err
			}
			got := find(t, examine(t, o), "dns")
			if got.Status != tt.status || got.Salesforce != tt.reason ||
				!strings.Contains(got.Found, tt.want) {
				t.Errorf("got %+v, want %s, %q and %q", got, tt.status, tt.reason, tt.want)
			}
		})
	}
}

func TestConnections(t *testing.T) {
	t.Parallel()
	address := listen(t, acks, testAuthority().good())
	tests := []struct {
		name   string
		errs   map[string]error // by address; the other addresses accept
		status doctor.Status
		reason string
		want   string
	}{
		{"both", nil, doctor.Pass, "", "connected to 203.0.113.5:443"},
		{"refused", failing(syscall.ECONNREFUSED), doctor.Fail, simulate.ReasonRefused,
			"refuses connections"},
		{"no answer", failing(context.DeadlineExceeded), doctor.Fail,
			"java.net.SocketTimeoutException: connect timed out", "does not answer"},
		{"no route", failing(syscall.EHOSTUNREACH), doctor.Fail,
			"java.net.NoRouteToHostException: No route to host", "no route to"},
		{"reset", failing(syscall.ECONNRESET), doctor.Fail, simulate.ReasonReset, "resets connections"},
		{"forbidden", failing(syscall.EACCES), doctor.Fail, simulate.ReasonConnection,
			"no connection to"},
		{"one of two", map[string]error{"203.0.113.5:443": syscall.ECONNREFUSED}, doctor.Warn,
			simulate.ReasonRefused, "refuses connections; connected to [2001:db8::1]:443"},
		{"no IPv6 here", map[string]error{"[2001:db8::1]:443": syscall.ENETUNREACH}, doctor.Pass, "",
			"connected to"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := public(address)
			dial := o.Dial
			o.LookupIP = func(context.Context, string) ([]netip.Addr, error) {
				return []netip.Addr{netip.MustParseAddr("203.0.113.5"), netip.MustParseAddr("2001:db8::1")}, nil
			}
			o.Dial = func(ctx context.Context, network, to string) (net.Conn, error) {
				if err := tt.errs[to]; err != nil {
					return nil, &net.OpError{Op: "dial", Err: err}
				}
				return dial(ctx, network, to)
			}
			got := find(t, examine(t, o), "tcp")
			if got.Status != tt.status || got.Salesforce != tt.reason ||
				!strings.Contains(got.Found, tt.want) {
				t.Errorf("got %+v, want %s, %q and %q", got, tt.status, tt.reason, tt.want)
			}
		})
	}
}

func failing(err error) map[string]error {
	return map[string]error{"203.0.113.5:443": err, "[2001:db8::1]:443": err}
}

func TestUnusualURLsAreWarnings(t *testing.T) {
	t.Parallel()
	address := listen(t, acks, testAuthority().good())
	for url, found := range map[string]string{
		"https://" + secret + ":" + secret + "@inbox.example/": "has a user name",
		"https://inbox.example/outbound#" + secret:             "has a #",
	} {
		o := public(address)
		o.URL = url
		if got := find(t, examine(t, o), "url"); got.Status != doctor.Warn ||
			!strings.Contains(got.Found, found) {
			t.Errorf("got %+v, want %q", got, found)
		}
	}
}

func TestInvalidOptionsAreErrors(t *testing.T) {
	t.Parallel()
	for _, o := range []doctor.Options{
		{URL: ""},
		{URL: "inbox.example/" + secret},
		{URL: "ftp://inbox.example/" + secret},
		{URL: "https:///" + secret},
		{URL: "https://inbox.example:port/" + secret},
		{URL: "https://%c2%9b31m/" + secret},
		{URL: "https://inbox.example/", Object: "a b"},
	} {
		_, err := doctor.Examine(t.Context(), o)
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%+v: got %v", o, err)
		}
	}
}

func TestExamineReturnsAPartialReportWhenInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	o := public(listen(t, acks, testAuthority().good()))
	o.OnCheck = func(c doctor.Check) {
		if c.Name == "tcp" {
			cancel()
		}
	}
	report, err := doctor.Examine(ctx, o)
	if !errors.Is(err, context.Canceled) || len(report.Checks) != 4 {
		t.Errorf("got %v after %d checks", err, len(report.Checks))
	}
}
