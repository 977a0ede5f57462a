package e2e_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"ackbox/simulate"
)

// webhookTarget is a receiver of webhooks that can be told how to behave.
type webhookTarget struct {
	tb  testing.TB
	url string

	mu       sync.Mutex
	answer   func(e *gotEvent) int // the status; nil is 204
	verifier *standardwebhooks.Webhook
	events   map[string]int // how often each notification came, by its id
	ids      map[string]string
	refused  int
	order    []string // of the notifications that were answered with success
}

// gotEvent is an event as it came.
type gotEvent struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	Data struct {
		ID             int64  `json:"id"`
		NotificationID string `json:"notification_id"`
		RecordID       string `json:"record_id"`
	} `json:"data"`
}

func newWebhookTarget(tb testing.TB) *webhookTarget {
	tb.Helper()
	w := &webhookTarget{tb: tb, events: map[string]int{}, ids: map[string]string{}}
	server := httptest.NewServer(w)
	tb.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// ServeHTTP implements [http.Handler].
func (w *webhookTarget) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var e gotEvent
	if err := json.Unmarshal(body, &e); err != nil {
		w.tb.Errorf("got %s: %v", body, err)
		return
	}
	w.mu.Lock()
	answer, verifier := w.answer, w.verifier
	w.mu.Unlock()
	if verifier != nil {
		if err := verifier.Verify(body, r.Header); err != nil {
			w.tb.Errorf("signature: %v", err)
		}
	}
	status := http.StatusNoContent
	if answer != nil {
		status = answer(&e)
	}
	w.note(&e, status)
	out.WriteHeader(status)
}

// note counts an event by its status.
func (w *webhookTarget) note(e *gotEvent, status int) {
	if e.Type == "ackbox.test" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if status/100 != 2 {
		w.refused++
		return
	}
	w.events[e.Data.NotificationID]++
	w.order = append(w.order, e.Data.NotificationID)
	if known, found := w.ids[e.Data.NotificationID]; found && known != e.ID {
		w.tb.Errorf("notification %s came with the ids %s and %s", e.Data.NotificationID, known, e.ID)
	}
	w.ids[e.Data.NotificationID] = e.ID
}

// behave sets the status of the answers.
func (w *webhookTarget) behave(answer func(e *gotEvent) int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = answer
}

// counts returns how many notifications have come, and how often some came again.
func (w *webhookTarget) counts() (different, again int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.events {
		again += n - 1
	}
	return len(w.events), again
}

func (w *webhookTarget) refusals() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refused
}

// requireAll waits until all stored notifications have come, but for the exceptions.
func (w *webhookTarget) requireAll(s *server, within time.Duration, except ...string) {
	w.tb.Helper()
	var missing []string
	eventually(w.tb, within, "all that is stored has come", func() bool {
		missing = w.missing(s, except)
		return len(missing) == 0
	})
}

func (w *webhookTarget) missing(s *server, except []string) (missing []string) {
	stored := map[string]bool{}
	for _, n := range s.export() {
		stored[n.NotificationID] = true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for id := range stored {
		if w.events[id] == 0 && !slices.Contains(except, id) {
			missing = append(missing, id)
		}
	}
	return missing
}

// secretKey is a key for the secrets of destinations on PostgreSQL.
const secretKey = "ACKBOX_SECRET_KEY=YWNrYm94IGFja2JveCBhY2tib3ggYWNrYm94IGFja2I="

// deliverTo adds a webhook destination that wants everything.
func (s *server) deliverTo(name string, w *webhookTarget, flags ...string) {
	s.tb.Helper()
	out := s.ok(append([]string{
		"destination", "add", name, "--kind", "webhook", "--url", w.url + "/hook/s3cr3t-path", "--allow-private", "--json",
	}, flags...)...)
	var added struct{ Secret string }
	if err := json.Unmarshal([]byte(out), &added); err != nil {
		s.tb.Fatalf("%v: %s", err, out)
	}
	verifier, err := standardwebhooks.NewWebhook(added.Secret)
	if err != nil {
		s.tb.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.verifier = verifier
}

// maxAgain is how many events may come again after a kill of the owner, for each destination: what
// was in flight, or not settled yet.
const maxAgain = 500

// A destination that is down, slow, hangs and refuses some payloads, while messages come in and the
// server is killed: nothing is missing, and what comes again has the same id.
func TestTheBadDayOfADestination(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		const kills = 3
		s := startWith(t, database, "crm", secretKey)
		w := newWebhookTarget(t)
		s.deliverTo("erp", w)
		var mu sync.Mutex
		var unlucky []string // of which one always gets 500, and one 422
		status := func(e *gotEvent) int {
			mu.Lock()
			defer mu.Unlock()
			if e.Type == "ackbox.test" {
				return http.StatusNoContent
			}
			if len(unlucky) < 2 && !slices.Contains(unlucky, e.Data.NotificationID) {
				unlucky = append(unlucky, e.Data.NotificationID)
			}
			switch slices.Index(unlucky, e.Data.NotificationID) {
			case 0:
				return http.StatusInternalServerError
			case 1:
				return http.StatusUnprocessableEntity
			}
			return http.StatusNoContent
		}
		w.behave(status)
		load := s.startSending("crm", simulate.ClientOptions{}, simulate.SenderOptions{Rate: 40, Retry: retry})
		delivered := func(n int) {
			t.Helper()
			before, _ := w.counts()
			eventually(t, testTimeout, "events are delivered", func() bool {
				now, _ := w.counts()
				return now >= before+n
			})
		}
		delivered(100)
		refused := w.refusals()
		w.behave(func(*gotEvent) int { return http.StatusServiceUnavailable })
		eventually(t, testTimeout, "it is down", func() bool { return w.refusals() > refused+1 })
		w.behave(status)
		delivered(100)
		release := make(chan struct{})
		w.behave(func(e *gotEvent) int { <-release; return status(e) }) // it hangs
		for range kills {
			s.kill9()
			s.restart()
			s.ready()
		}
		close(release)
		w.behave(status)
		delivered(100)
		load.stop()
		w.requireAll(s, testTimeout, unlucky...)
		different, again := w.counts()
		t.Logf("%d events, %d came again after %d kills, %d were refused", different, again, kills, w.refusals())
		if again > kills*maxAgain {
			t.Errorf("%d came again, want at most %d", again, kills*maxAgain)
		}
		eventually(t, testTimeout, "the two that are refused are exceptions", func() bool {
			out := s.ok("deliveries", "--destination", "erp", "--state", "retry,dead", "--json")
			return strings.Count(out, "\n") == 2
		})
		w.behave(nil)
	})
}

// Of two processes one delivers; if it is killed, the other does.
func TestAnotherProcessDeliversWhenTheOwnerIsKilled(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		s := startWith(t, database, "crm", secretKey, "ACKBOX_RELAY=off")
		w := newWebhookTarget(t)
		s.deliverTo("erp", w)
		first := spawn(t, s.dir, s.env, "relay")
		s.ok("send", s.url("crm"), "--count", "50", "--notifications", "10")
		w.requireAll(s, testTimeout)
		second := spawn(t, s.dir, s.env, "relay")
		eventually(t, testTimeout, "the second runs", func() bool { return second.stderr.count("delivering") > 0 })
		first.kill9()
		killed := time.Now()
		s.ok("send", s.url("crm"), "--count", "50", "--notifications", "10")
		w.requireAll(s, testTimeout)
		if took := time.Since(killed); took > 20*time.Second {
			t.Errorf("the other delivers after %s, want at most 20 s", took)
		}
		if different, again := w.counts(); different != 1000 || again > maxAgain {
			t.Errorf("got %d events, %d again", different, again)
		}
	})
}

// No secret and no payload is in anything that a run leaves behind but the records themselves.
func TestSecretsOfDestinationsAreInNoText(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		s := startWith(t, database, "crm", secretKey, "ACKBOX_LOG_LEVEL=debug", "HEADER_SECRET=h3ad3r-s3cr3t")
		w := newWebhookTarget(t)
		s.deliverTo("erp", w, "--header", "X-Key=literal-s3cr3t", "--header", "X-Env=env:HEADER_SECRET")
		w.behave(func(*gotEvent) int { return http.StatusUnprocessableEntity })
		s.ok("send", s.url("crm"), "--count", "20")
		eventually(t, testTimeout, "some fail", func() bool {
			return strings.Contains(s.ok("deliveries"), "answered 422")
		})
		texts := map[string]string{
			"log": s.stderr.String(), "list": s.ok("destination", "list", "--json"),
			"show": s.ok("destination", "show", "erp"), "deliveries": s.ok("deliveries", "--json"),
			"ready": get(t, s.base()+"/readyz").body,
		}
		maps.Copy(texts, s.dump(database))
		for what, text := range texts {
			for _, secret := range []string{"s3cr3t", "whsec_", "YWNrYm94IGFja2JveCBhY2t"} {
				if strings.Contains(text, secret) {
					t.Errorf("%s has a secret: %.300s", what, text[max(0, strings.Index(text, secret)-100):])
				}
			}
		}
	})
}

// dump returns what is stored about destinations, as text.
func (s *server) dump(database string) map[string]string {
	s.tb.Helper()
	db := openDirectly(s.tb, database)
	texts := map[string]string{}
	for _, table := range []string{"destinations", "destination_state", "deliveries", "delivery_attempts", "replays"} {
		texts["table "+table] = dumpTable(s.tb, db, table)
	}
	return texts
}

// dumpTable returns the rows of a table as text.
func dumpTable(tb testing.TB, db *sql.DB, table string) string {
	tb.Helper()
	rows, err := db.Query("select * from " + table)
	if err != nil {
		tb.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		tb.Fatal(err)
	}
	var text strings.Builder
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := rows.Scan(values...); err != nil {
			tb.Fatal(err)
		}
		for i := range values {
			fmt.Fprintf(&text, "%s=%s ", columns[i], *values[i].(*any))
		}
	}
	if err := rows.Err(); err != nil {
		tb.Fatal(err)
	}
	return text.String()
}
