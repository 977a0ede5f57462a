package handlers_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"ackbox/handlers"
	"ackbox/store"
	"ackbox/store/storetest"
)

func TestReadyz(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, in *inbox) {
		a := in.do(t, http.MethodGet, in.URL+"/readyz", nil)
		var got struct {
			Status, Database string
			Schema           struct{ Have, Want int64 }
			Warnings         []string
		}
		decodeJSON(t, a.body, &got)
		if a.status != 200 || got.Status != "ready" || got.Database != "up" || got.Schema.Have != got.Schema.Want ||
			got.Schema.Want == 0 || got.Warnings == nil {
			t.Errorf("got %d %s", a.status, a.body)
		}
		if _, _, err := in.db.AddSource(t.Context(), "secret-name", nil, time.Now()); err != nil {
			t.Fatal(err)
		}
		eventually(t, "a warning", func() bool {
			a = in.do(t, http.MethodGet, in.URL+"/readyz", nil)
			return strings.Contains(a.body, "1 source accepts any organization")
		})
		if strings.Contains(a.body, "secret-name") {
			t.Errorf("got %s, want a warning without names", a.body)
		}
		in.health.Stop()
		if a := in.do(t, http.MethodGet, in.URL+"/readyz", nil); a.status != 503 || !strings.Contains(a.body, `"stopping"`) {
			t.Errorf("stopping: got %d %s", a.status, a.body)
		}
	})
}

// found is a database in a state.
type found struct {
	*store.Store
	health store.Health
	err    error
}

func (f found) Health(context.Context) (store.Health, error) { return f.health, f.err }

func TestReadyzNamesTheProblem(t *testing.T) {
	t.Parallel()
	full := store.Health{Answers: true, Have: 4, Want: 4, Problem: "the disk of the database is full"}
	old := store.Health{Answers: true, Have: 3, Want: 4, Problem: "the schema is old"}
	failed := errors.New("secret-host")
	db := storetest.New(t, storetest.SQLite)
	for name, test := range map[string]struct {
		found
		want string
	}{
		"full":     {found{db.Store, full, failed}, `"unavailable","database":"up","schema":{"have":4,"want":4},"problem":"the disk of the database is full"`},
		"full too": {found{db.Store, full, nil}, `"unavailable","database":"up","schema":{"have":4,"want":4},"problem":"the disk of the database is full"`},
		"old":      {found{db.Store, old, nil}, `"outdated","database":"up","schema":{"have":3,"want":4},"problem":"the schema is old"`},
		"down":     {found{db.Store, store.Health{}, failed}, `"unavailable","database":"down","schema":{"have":0,"want":0},"problem":"the database does not answer"`},
	} {
		log := &lockedBuffer{}
		health := handlers.NewHealth(test.found, slog.New(slog.NewTextHandler(log, nil)))
		w := httptest.NewRecorder()
		routes := newRoutes(handlers.New(handlers.Config{Store: db.Store}), health)
		routes.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
		got := w.Body.String()
		if w.Code != 503 || !strings.Contains(got, test.want) || strings.Contains(got, "secret-host") {
			t.Errorf("%s: got %d %s, want %s", name, w.Code, got, test.want)
		}
		text := log.String()
		if !strings.Contains(text, "not ready") || test.err != nil && !strings.Contains(text, "secret-host") {
			t.Errorf("%s: got the log %q, want the error", name, text)
		}
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		registry := prometheus.NewRegistry()
		in := newInbox(t, db.Store, func(c *handlers.Config) { c.Metrics = registry })
		revised := strings.Replace(envelope("04l1"), "Hush Inc", "Other Inc", 1)
		drifted := strings.Replace(envelope("04l2"), "1.0E7", "lots", 1)
		odd := strings.Replace(envelope("04l3"), "Hush Inc", "Hush&#11;\x0b &semi;", 1)
		for _, body := range []string{envelope("04l1"), envelope("04l1"), revised, drifted, odd, odd, "<a/>"} {
			in.post(t, body)
		}
		in.do(t, http.MethodPost, in.URL+"/outbound/unknown", nil)
		page := httptest.NewRecorder()
		promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/", nil))
		got := page.Body.String()
		for _, want := range []string{
			`ackbox_notifications_total{result="stored",source="crm"} 3`,
			`ackbox_notifications_total{result="revision",source="crm"} 1`,
			`ackbox_notifications_total{result="duplicate",source="crm"} 2`,
			`ackbox_messages_total{source="crm"} 6`,
			`ackbox_refusals_total{cause="shape"} 1`,
			`ackbox_refusals_total{cause="unknown_token"} 1`,
			`ackbox_refusals_total{cause="organization"} 0`,
			`ackbox_drift_total{object="Lead"} 1`,
			`ackbox_oddities_total{source="crm"} 6`,
			`ackbox_ack_seconds_count 6`,
		} {
			if !strings.Contains(got, want+"\n") {
				t.Errorf("the metrics lack %s", want)
			}
		}
	})
}

func TestTheLogCountsOddities(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, in *inbox) {
		if a := in.post(t, envelope("04l1")); !a.isAck() || strings.Contains(in.log.String(), "oddities") {
			t.Errorf("nothing odd: got %+v and the log\n%s", a, in.log)
		}
		odd := strings.Replace(envelope("04l2"), "Hush Inc", "Hush&#11;\x0b", 1)
		if a := in.post(t, odd); !a.isAck() || !strings.Contains(in.log.String(), "oddities=2\n") {
			t.Errorf("two oddities: got %+v and the log\n%s", a, in.log)
		}
	})
}
