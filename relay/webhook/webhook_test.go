package webhook_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/binding"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"ackbox/ledger"
	"ackbox/relay"
	"ackbox/relay/webhook"
	"ackbox/store"
)

var now = time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC)

// events returns so many events of records of their own.
func events(n int) []relay.Event {
	all := make([]relay.Event, n)
	for i := range all {
		object, record := "Lead", fmt.Sprintf("00Qxx%010dAAA", i)
		fields := fmt.Sprintf(`{"Id":%q,"N":%d}`, record, i)
		all[i] = relay.Event{Attempt: 1, Notification: store.Notification{
			ID: int64(i + 1), Source: "crm", OrganizationID: "00Dxx0000001gPLEAY", ActionID: "04k1",
			NotificationID: fmt.Sprint("04l", i), Revision: 1, ObjectType: &object, RecordID: &record,
			Fields: json.RawMessage(fields), ReceivedAt: now, Digest: ledger.DigestOf([]byte(fields)),
		}}
	}
	return all
}

// open returns a sender for a URL on this machine.
func open(tb testing.TB, url string, s webhook.Settings, secrets map[string]string) relay.Sender {
	tb.Helper()
	settings, err := json.Marshal(s)
	if err != nil {
		tb.Fatal(err)
	}
	if secrets == nil {
		secrets = map[string]string{}
	}
	secrets[webhook.SecretURL] = url
	sender, err := webhook.Open(relay.Config{Name: "erp", Settings: settings, Secrets: secrets})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = sender.Close() })
	return sender
}

var local = webhook.Settings{AllowPrivate: true}

// received is a request as a receiver got it.
type received struct {
	header http.Header
	body   []byte
}

// receive starts a receiver, which answers by a function and keeps what it gets.
func receive(
	tb testing.TB, answer func(w http.ResponseWriter, r *http.Request),
) (server *httptest.Server, got func() []received) {
	tb.Helper()
	var mu sync.Mutex
	var all []received
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		mu.Lock()
		all = append(all, received{r.Header.Clone(), body})
		mu.Unlock()
		if answer != nil {
			answer(w, r)
		}
	}))
	tb.Cleanup(server.Close)
	return server, func() []received {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}

func TestEventsAreSignedByAllKeys(t *testing.T) {
	t.Parallel()
	for _, binary := range []bool{false, true} {
		t.Run(fmt.Sprintf("binary %t", binary), func(t *testing.T) {
			t.Parallel()
			server, got := receive(t, nil)
			keys := []string{webhook.NewKey(), webhook.NewKey()}
			sender := open(t, server.URL, webhook.Settings{AllowPrivate: true, Binary: binary}, map[string]string{
				webhook.SecretKey: keys[0], webhook.SecretPrevious: keys[1],
				webhook.SecretHeader + "Authorization": "Bearer abc",
			})
			sent := events(5)
			for i, v := range sender.Send(t.Context(), sent) {
				if v.Outcome != relay.Success || v.Status != 200 || v.Error != "" || v.Took <= 0 {
					t.Errorf("event %d: got %+v", i, v)
				}
			}
			seen := map[string]bool{}
			for _, r := range got() {
				for _, key := range keys {
					verifier, err := standardwebhooks.NewWebhook(key)
					if err != nil {
						t.Fatal(err)
					}
					if err := verifier.Verify(r.body, r.header); err != nil {
						t.Error(err)
					}
				}
				requireEvent(t, r)
				if r.header.Get("Authorization") != "Bearer abc" || r.header.Get("User-Agent") != "ackbox" {
					t.Errorf("got the headers %v", r.header)
				}
				seen[r.header.Get("webhook-id")] = true
			}
			for i := range sent {
				if !seen[sent[i].ID()] {
					t.Errorf("event %d did not arrive", i)
				}
			}
		})
	}
}

// requireEvent reads a request as the SDK of CloudEvents does.
func requireEvent(t *testing.T, r received) {
	t.Helper()
	message := cehttp.NewMessage(r.header, io.NopCloser(strings.NewReader(string(r.body))))
	e, err := cloudevents.ToEvent(t.Context(), message)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Validate(); err != nil {
		t.Error(err)
	}
	if e.ID() != r.header.Get("webhook-id") || e.Type() != "com.salesforce.outbound.Lead" ||
		!strings.Contains(string(e.Data()), `"fields":{"Id":"00Q`) {
		t.Errorf("got %s", e)
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	in := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	for _, test := range []struct {
		status     int
		retryAfter string
		outcome    relay.Outcome
		least      time.Duration
	}{
		{200, "", relay.Success, 0}, {204, "", relay.Success, 0},
		{301, "", relay.Rejected, 0}, {308, "", relay.Rejected, 0},
		{400, "", relay.Rejected, 0}, {401, "", relay.Rejected, 0}, {404, "", relay.Rejected, 0},
		{408, "", relay.Unavailable, 0}, {410, "", relay.Gone, 0}, {413, "", relay.Impossible, 0},
		{422, "7", relay.Rejected, 0}, {425, "", relay.Unavailable, 0},
		{429, "7", relay.Unavailable, 7 * time.Second}, {429, in, relay.Unavailable, 59 * time.Minute},
		{429, "soon", relay.Unavailable, 0}, {429, "-5", relay.Unavailable, 0},
		{500, "", relay.Unavailable, 0}, {503, "120", relay.Unavailable, 2 * time.Minute},
	} {
		t.Run(fmt.Sprint(test.status, " ", test.retryAfter), func(t *testing.T) {
			t.Parallel()
			server, _ := receive(t, func(w http.ResponseWriter, _ *http.Request) {
				if test.retryAfter != "" {
					w.Header().Set("Retry-After", test.retryAfter)
				}
				w.Header().Set("Location", "http://169.254.169.254/")
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, strings.Repeat("because\x00 ", 500))
			})
			got := open(t, server.URL, local, nil).Send(t.Context(), events(1))[0]
			if got.Outcome != test.outcome || got.Status != test.status || got.RetryAfter < test.least ||
				test.least == 0 && got.RetryAfter != 0 {
				t.Errorf("got %+v", got)
			}
			if got.Outcome != relay.Success && got.Error == "" || len(got.Answer) > 1<<10 ||
				strings.Contains(got.Answer, "\x00") {
				t.Errorf("got %q and %d bytes", got.Error, len(got.Answer))
			}
		})
	}
}

// Whatever a name resolves to, and wherever a redirect leads: nothing but public addresses.
func TestAddressesThatAreNotPublicAreRefused(t *testing.T) {
	t.Parallel()
	server, got := receive(t, nil)
	port := server.Listener.Addr().(*net.TCPAddr).Port
	for _, host := range []string{
		"127.0.0.1", "localhost", "169.254.169.254", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1",
		"0.0.0.0", "[::1]", "[::]", "[fd00::1]", "[fe80::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]",
		"[2002:7f00:1::]", "224.0.0.1", "255.255.255.255", "2130706433", "0x7f000001",
	} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			sender := open(t, fmt.Sprintf("http://%s:%d/", host, port), webhook.Settings{}, nil)
			v := sender.Send(t.Context(), events(1))[0]
			if v.Outcome != relay.Unavailable || !strings.Contains(v.Error, "not a public one") &&
				!strings.Contains(v.Error, "host name not") {
				t.Errorf("got %+v", v)
			}
		})
	}
	t.Cleanup(func() {
		if n := len(got()); n > 0 {
			t.Errorf("got %d requests", n)
		}
	})
}

func TestARedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	target, got := receive(t, nil)
	server, _ := receive(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, target.URL, http.StatusTemporaryRedirect)
	})
	v := open(t, server.URL, local, nil).Send(t.Context(), events(1))[0]
	if v.Outcome != relay.Rejected || len(got()) > 0 {
		t.Errorf("got %+v and %d requests", v, len(got()))
	}
}

// secretPath must never be in a text.
const secretPath = "/hook/s3cr3t?key=s3cr3t"

func TestConnectionsThatFail(t *testing.T) {
	t.Parallel()
	closed, _ := receive(t, nil)
	closed.Close()
	hangUp, _ := receive(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	})
	tls := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(tls.Close)
	plain, _ := receive(t, nil)
	for name, test := range map[string]struct{ url, want string }{
		"refused":     {closed.URL, "connection refused"},
		"closed":      {hangUp.URL, "connection closed before the answer"},
		"certificate": {tls.URL, "certificate not accepted: x509: certificate signed by unknown authority"},
		"no TLS":      {"https" + strings.TrimPrefix(plain.URL, "http"), "connection failed"},
		"no host":     {"http://ackbox.invalid", "host name not"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := open(t, test.url+secretPath, local, nil).Send(t.Context(), events(1))[0]
			if v.Outcome != relay.Unavailable || !strings.HasPrefix(v.Error, test.want) {
				t.Errorf("got %+v, want %s", v, test.want)
			}
			if strings.Contains(v.Error, "s3cr3t") {
				t.Errorf("got %q, which has a secret", v.Error)
			}
		})
	}
}

func TestAnEndedContextIsAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	release, arrived := make(chan struct{}), make(chan struct{}, 10)
	server, got := receive(t, func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-release
	})
	t.Cleanup(func() { close(release) })
	sender := open(t, server.URL, webhook.Settings{AllowPrivate: true, Concurrency: 2}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	answered := make(chan []relay.Verdict, 1)
	go func() { answered <- sender.Send(ctx, events(10)) }()
	for range 2 {
		<-arrived
	}
	cancel()
	for i, v := range <-answered {
		if v.Outcome != relay.Unavailable || v.Error != "interrupted" {
			t.Errorf("event %d: got %+v", i, v)
		}
	}
	if n := len(got()); n != 2 {
		t.Errorf("got %d requests, want 2 at the same time", n)
	}
}

func TestCloseEndsTheConnections(t *testing.T) {
	t.Parallel()
	release, arrived := make(chan struct{}), make(chan struct{}, 10)
	server, _ := receive(t, func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-release
	})
	t.Cleanup(func() { close(release) })
	sender := open(t, server.URL, local, nil)
	answered := make(chan []relay.Verdict, 1)
	go func() { answered <- sender.Send(t.Context(), events(1)) }()
	<-arrived
	if err := sender.Close(); err != nil {
		t.Fatal(err)
	}
	got := (<-answered)[0]
	if got.Outcome != relay.Unavailable || got.Took > 10*time.Second {
		t.Errorf("got %+v, want that it is not known, at once", got)
	}
}

// The concurrency is that of all batches together, and the connections are kept.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	var now, most, connections atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		now.Add(-1)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	sender := open(t, server.URL, webhook.Settings{AllowPrivate: true, Concurrency: 4}, nil)
	var batches sync.WaitGroup
	for range 3 {
		batches.Go(func() {
			for _, v := range sender.Send(t.Context(), events(100)) {
				if v.Outcome != relay.Success {
					t.Errorf("got %+v", v)
				}
			}
		})
	}
	batches.Wait()
	if most.Load() > 4 || connections.Load() > 4 {
		t.Errorf("got %d requests at the same time on %d connections, want at most 4", most.Load(), connections.Load())
	}
}

func TestSettingsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	key := webhook.NewKey()
	for name, change := range map[string]func(s *webhook.Settings, secrets map[string]string){
		"no URL":       func(_ *webhook.Settings, s map[string]string) { s[webhook.SecretURL] = "" },
		"other scheme": func(_ *webhook.Settings, s map[string]string) { s[webhook.SecretURL] = "ftp://s3cr3t/" },
		"password": func(_ *webhook.Settings, s map[string]string) {
			s[webhook.SecretURL] = "https://u:s3cr3t@example.com"
		},
		"short key": func(_ *webhook.Settings, s map[string]string) { s[webhook.SecretKey] = "whsec_czNjcjN0" },
		"no prefix": func(_ *webhook.Settings, s map[string]string) {
			s[webhook.SecretKey] = strings.TrimPrefix(key, "whsec_")
		},
		"concurrency": func(s *webhook.Settings, _ map[string]string) { s.Concurrency = 1000 },
	} {
		settings := local
		secrets := map[string]string{
			webhook.SecretURL: "https://example.com" + secretPath, webhook.SecretKey: key,
		}
		change(&settings, secrets)
		raw, err := json.Marshal(settings)
		if err != nil {
			t.Fatal(err)
		}
		_, err = webhook.Open(relay.Config{Name: "erp", Settings: raw, Secrets: secrets})
		if err == nil || strings.Contains(err.Error(), "s3cr3t") || strings.Contains(err.Error(), key) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
