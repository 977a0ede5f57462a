package e2e_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// deliverySecrets are in no output, log, metric or row.
const (
	secretKeyMarker = "c2VjcmV0S2V5TWFya2VyU2VjcmV0S2V5TWFya2VyISE=" // of 32 bytes
	hookTokenMarker = "hookTokenMarkerHookToken"
)

// receiver counts the events of records that it gets.
type receiver struct {
	*httptest.Server
	events atomic.Int64
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err == nil && request.Header.Get("Webhook-Signature") != "" && !strings.Contains(string(body), "ackbox.test") {
			r.events.Add(1)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) await(t *testing.T, n int64) {
	t.Helper()
	eventually(t, testTimeout, "the events arrive", func() bool { return r.events.Load() >= n })
	if got := r.events.Load(); got != n {
		t.Errorf("got %d events, want %d", got, n)
	}
}

// addHook adds a destination for a receiver, and returns its secret.
func (in *installation) addHook(name string, r *receiver) (secret string) {
	in.tb.Helper()
	out := in.ok("destination", "add", name, "--kind", "webhook", "--allow-private", "--json",
		"--url", r.URL+"/hook?token="+hookTokenMarker)
	var made struct {
		Secret string `json:"secret"`
	}
	if err := json.Unmarshal([]byte(out), &made); err != nil || made.Secret == "" {
		in.tb.Fatalf("destination add --json: got %s, %v", out, err)
	}
	return made.Secret
}

func TestWhatIsStoredGoesOnToAWebhook(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		hook := newReceiver(t)
		s := startWith(t, database, "crm", "ACKBOX_SECRET_KEY="+secretKeyMarker, "METRICS_TOKEN="+metricsToken)
		secret := s.addHook("hook", hook)
		requireAck(t, post(t, s.url("crm"), one("0001")))
		hook.await(t, 1)
		eventually(t, testTimeout, "the metrics count it", func() bool {
			page := get(t, s.base()+"/metrics", "Authorization", "Bearer "+metricsToken).body
			if strings.Contains(page, hookTokenMarker) {
				t.Fatal("the token is in the metrics")
			}
			return strings.Contains(page, `ackbox_destination_events_total{destination="hook",result="delivered"} 1`)
		})

		requireAck(t, post(t, s.url("crm"), one("0002")))
		if code, _ := s.term(); code != 0 {
			t.Errorf("got exit code %d, want 0", code)
		}
		log := s.stderr.String()
		s.restart()
		hook.await(t, 2) // by the former or by the present process
		shown := s.ok("destination", "list") + s.ok("destination", "show", "hook") + s.ok("deliveries")
		for place, text := range map[string]string{
			"the log": log + s.stderr.String(), "the lists": shown, "the database": dump(t, database),
		} {
			for _, marker := range []string{secret, hookTokenMarker, secretKeyMarker} {
				if strings.Contains(text, marker) {
					t.Errorf("%s is in %s", marker, place)
				}
			}
		}
	})
}

func TestDeliveryCanBeLeftToAProcessOfItsOwn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		hook := newReceiver(t)
		s := startWith(t, database, "crm", "ACKBOX_SECRET_KEY="+secretKeyMarker, "ACKBOX_RELAY=off")
		s.addHook("hook", hook)
		requireAck(t, post(t, s.url("crm"), one("0001")))
		relay := spawn(t, s.dir, s.env, "relay")
		hook.await(t, 1)
		requireAck(t, post(t, s.url("crm"), one("0002")))
		hook.await(t, 2)
		if code, _ := relay.term(); code != 0 {
			t.Errorf("got exit code %d, want 0", code)
		}
		requireAck(t, post(t, s.url("crm"), one("0003")))
		list := s.ok("destination", "list", "--json")
		if !strings.Contains(list, `"waiting":1,`) {
			t.Errorf("got %s, want that one waits: serve does not deliver", list)
		}
		again := spawn(t, s.dir, s.env, "relay") // the lease was given back
		hook.await(t, 3)
		again.kill9()
	})
}
