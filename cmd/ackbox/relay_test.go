package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"ackbox/store/storetest"
)

// soon waits until a condition holds.
func soon(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(20 * time.Second); !holds(); <-ticker.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}

// startRelay runs the command relay until the test ends.
func (r *rig) startRelay(args ...string) *started {
	r.t.Helper()
	all := []string{"relay", "--database-url", r.db.URL, "--secret-key", testKey}
	relay := startCommand(r.t, append(all, args...)...)
	relay.err.await(r.t, `(msg=delivering)`) // before another command sets the log
	return relay
}

// await waits until the hook has got that many requests more, and returns them.
func (r *rig) await(n int) (got []webhookRequest) {
	r.t.Helper()
	soon(r.t, "the hook gets the events", func() bool {
		got = append(got, r.hook.take()...)
		return len(got) >= n
	})
	if len(got) != n {
		r.t.Errorf("got %d requests, want %d", len(got), n)
	}
	return got
}

// awaitSettled waits until nothing waits for the hook, and forgets what it got.
func (r *rig) awaitSettled() {
	r.t.Helper()
	soon(r.t, "nothing waits", func() bool {
		all, err := r.db.Store.DestinationStatuses(r.t.Context())
		return err == nil && len(all) == 1 && all[0].Backlog.Waiting == 0
	})
	r.hook.take()
}

// awaitSigned saves notifications until one arrives that all of the secrets have signed, and none
// of the others: a running relay learns of a change within a second.
func (r *rig) awaitSigned(secrets, others []string) {
	r.t.Helper()
	soon(r.t, "an event with the signatures", func() bool {
		r.saveObject("Contact", 1)
		request := r.await(1)[0]
		for _, secret := range secrets {
			if !request.signedBy(r.t, secret) {
				return false
			}
		}
		for _, secret := range others {
			if request.signedBy(r.t, secret) {
				return false
			}
		}
		return true
	})
}

// This test does not run beside others: its command sets the log of the process.
func TestDestinationsAreDeliveredTo(t *testing.T) { //nolint:paralleltest // see above
	for _, driver := range []string{storetest.SQLite, storetest.Postgres} {
		t.Run(driver, func(t *testing.T) { requireDelivered(newRig(t, storetest.New(t, driver))) })
	}
}

func requireDelivered(r *rig) {
	r.t.Helper()
	relay := r.startRelay("--admin-addr", "127.0.0.1:0")
	secret := r.add("hook", "--object", "Lead")
	r.await(1) // the test event
	r.save(3)
	for _, request := range r.await(3) {
		e := request.event(r.t)
		if !request.signedBy(r.t, secret) || e.Type != "com.salesforce.outbound.Lead" || e.Data.ID == 0 {
			r.t.Errorf("got %s, want a signed event of a Lead", request.body)
		}
	}

	r.ok(r.destination("edit", "hook", "--object", "", "--filter", `object == "Contact"`))
	soon(r.t, "the filter is in use", func() bool {
		r.saveObject("Contact", 1)
		got := r.hook.take()
		return len(got) > 0 && got[0].event(r.t).Type == "com.salesforce.outbound.Contact"
	})
	r.awaitSettled()

	r.ok(r.on("destination", "pause", "hook"))
	r.saveObject("Contact", 2)
	r.ok(r.on("destination", "resume", "hook"))
	r.await(2)

	next := strings.TrimSpace(r.ok(r.destination("rotate", "hook")).out)
	r.awaitSigned([]string{secret, next}, nil)
	last := strings.TrimSpace(r.ok(r.destination("rotate", "hook", "--keep", "0s")).out)
	r.awaitSigned([]string{last}, []string{secret, next})

	r.requireServed(relay)
	r.ok(r.on("deliveries"))
	r.ok(r.destination("show", "hook"))
	r.printed.WriteString(relay.out.String() + relay.err.String())
	r.requireNoSecrets(secret, next, last)
	r.ok(r.on("destination", "remove", "hook", "--yes"))
}

// requireServed requires that the admin address of a relay answers.
func (r *rig) requireServed(relay *started) {
	r.t.Helper()
	base := "http://" + relay.err.await(r.t, `msg=listening addr=(\S+)`)
	for path, want := range map[string]string{
		"/healthz": "alive", "/readyz": `"status":"ready"`,
		"/metrics": `ackbox_destination_events_total{destination="hook",result="delivered"}`,
	} {
		response, err := http.Get(base + path)
		if err != nil {
			r.t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || !strings.Contains(string(body), want) {
			r.t.Errorf("%s: got %s, %v, want %s", path, body, err, want)
		}
	}
}

// This test does not run beside others: its command sets the log of the process.
func TestARelayWithoutTheKeySaysSoOnce(t *testing.T) { //nolint:paralleltest // see above
	r := newRig(t, storetest.New(t, "postgres"))
	r.add("hook", "--no-test")
	r.save(1)
	relay := startCommand(t, "relay", "--database-url", r.db.URL) // without a key
	relay.err.await(t, `this process cannot deliver to a destination" destination=hook error=.*ACKBOX_SECRET_KEY`)
	r.startRelay()
	r.await(1) // another process has the key
	if n := strings.Count(relay.err.String(), "cannot deliver"); n != 1 {
		t.Errorf("got %d lines in the log, want 1: %s", n, relay.err.String())
	}
}

func TestARelayMakesNoDatabase(t *testing.T) {
	t.Parallel()
	got := on(t, "sqlite:"+t.TempDir()+"/none.db", "relay")
	if got.code != exitFailed || !strings.Contains(got.err, "none.db") {
		t.Errorf("got %+v, want that there is no database", got)
	}
	got = on(t, "sqlite:none.db", "relay", "--secret-key", "KeyMarker")
	if got.code != exitUsage || strings.Contains(got.err, "KeyMarker") {
		t.Errorf("got %+v, want exit code %d", got, exitUsage)
	}
}
