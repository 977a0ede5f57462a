package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"ackbox/ledger"
	"ackbox/store"
	"ackbox/store/storetest"
)

// testKey encrypts the secrets of tests.
var testKey = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))

// webhookRequest is a request that a hook has got.
type webhookRequest struct {
	header http.Header
	body   []byte
	path   string
}

// hook is the receiver of a webhook.
type hook struct {
	url string // with a token that is secret

	mu     sync.Mutex
	status int
	got    []webhookRequest
}

// hookToken is in the URL of each hook, and in no output.
const hookToken = "HookTokenMarker"

func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{status: http.StatusNoContent}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	h.url = server.URL + "/hook?token=" + hookToken
	return h
}

// ServeHTTP implements [http.Handler].
func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.got = append(h.got, webhookRequest{r.Header, body, r.URL.Path})
	w.WriteHeader(h.status)
}

func (h *hook) answer(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = status
}

// take returns what came since the last time.
func (h *hook) take() []webhookRequest {
	h.mu.Lock()
	defer h.mu.Unlock()
	got := h.got
	h.got = nil
	return got
}

// signedBy reports whether a secret has signed a request.
func (r webhookRequest) signedBy(t *testing.T, secret string) bool {
	t.Helper()
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	return verifier.Verify(r.body, r.header) == nil
}

// event is a part of what is in the body of a request.
type event struct {
	Type string `json:"type"`
	Data struct {
		ID int64 `json:"id"`
	} `json:"data"`
}

func (r webhookRequest) event(t *testing.T) (e event) {
	t.Helper()
	if err := json.Unmarshal(r.body, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// rig is a database with a source and a receiver. It collects all that commands print.
type rig struct {
	t       *testing.T
	db      *storetest.Database
	hook    *hook
	source  store.Source
	saved   int
	printed strings.Builder
}

func newRig(t *testing.T, db *storetest.Database) *rig {
	t.Helper()
	source, _, err := db.Store.AddSource(t.Context(), "crm", nil, t0)
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t: t, db: db, hook: newHook(t), source: source}
}

// destination runs a subcommand of destination that needs the key.
func (r *rig) destination(args ...string) result {
	r.t.Helper()
	return r.on(append(append([]string{"destination"}, args...), "--secret-key", testKey)...)
}

func (r *rig) on(args ...string) result {
	r.t.Helper()
	got := on(r.t, r.db.URL, args...)
	r.printed.WriteString(got.out + got.err)
	return got
}

// ok requires that a command succeeded.
func (r *rig) ok(got result) result {
	r.t.Helper()
	if got.code != exitDone {
		r.t.Fatalf("got exit code %d: %s", got.code, got.err)
	}
	return got
}

// add adds a webhook to the hook, and returns its secret.
func (r *rig) add(name string, args ...string) (secret string) {
	r.t.Helper()
	all := []string{"add", name, "--kind", "webhook", "--url", r.hook.url, "--allow-private"}
	return strings.TrimSpace(r.ok(r.destination(append(all, args...)...)).out)
}

// save saves notifications of the object Lead.
func (r *rig) save(n int) {
	r.t.Helper()
	r.saveObject("Lead", n)
}

func (r *rig) saveObject(object string, n int) {
	r.t.Helper()
	for n > 0 {
		batch := &ledger.Batch{OrganizationID: "00Dxx0000001gPLEAY"}
		for range min(n, 100) {
			r.saved++
			id := fmt.Sprintf("00Qxx%010d", r.saved)
			fields := fmt.Sprintf(`{"Id":%q,"Company":"PayloadMarker"}`, id)
			batch.Entries = append(batch.Entries, ledger.Entry{
				ID: fmt.Sprintf("04l%06d", r.saved), ObjectType: &object, RecordID: &id, Fields: []byte(fields),
				Digest: ledger.DigestOf([]byte(fields)),
			})
		}
		n -= len(batch.Entries)
		in := store.Inbound{SourceID: r.source.ID, Batch: batch, ReceivedAt: time.Now()}
		if _, err := r.db.Store.Save(r.t.Context(), in); err != nil {
			r.t.Fatal(err)
		}
	}
}

// requireNoSecrets requires that neither what was printed nor a row has a secret or a payload.
func (r *rig) requireNoSecrets(secrets ...string) {
	r.t.Helper()
	d := r.stored("hook")
	rows, err := json.Marshal(d)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, s := range append(secrets, hookToken, "PayloadMarker") {
		if bytes.Contains(rows, []byte(s)) || bytes.Contains(d.Secret, []byte(s)) {
			r.t.Errorf("%s is in the row of the destination", s)
		}
	}
	for _, s := range []string{hookToken, "PayloadMarker", testKey} {
		if strings.Contains(r.printed.String(), s) {
			r.t.Errorf("%s was printed", s)
		}
	}
	for _, s := range secrets {
		if n := strings.Count(r.printed.String(), s); n != 1 {
			r.t.Errorf("the secret was printed %d times, want once", n)
		}
	}
}

func (r *rig) stored(name string) store.Destination {
	r.t.Helper()
	d, err := r.db.Store.Destination(r.t.Context(), name)
	if err != nil {
		r.t.Fatal(err)
	}
	return d
}

func TestAWebhookIsTriedBeforeItIsAdded(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		r := newRig(t, db)
		secret := r.add("hook", "--header", "authorization=HeaderMarker")
		got := r.hook.take()
		if len(got) != 1 || !got[0].signedBy(t, secret) || got[0].event(t).Type != "ackbox.test" ||
			got[0].header.Get("Authorization") != "HeaderMarker" {
			t.Errorf("got %+v, want one signed test event with the header", got)
		}
		r.ok(r.destination("test", "hook"))
		if got := r.hook.take(); len(got) != 1 || got[0].event(t).Type != "ackbox.test" {
			t.Errorf("got %+v, want a second test event", got)
		}
		r.hook.answer(http.StatusInternalServerError)
		if got := r.destination("test", "hook"); got.code != exitFailed || !strings.Contains(got.err, "answered 500") {
			t.Errorf("got %+v, want that it answered 500", got)
		}
		failed := r.destination("add", "other", "--kind", "webhook", "--url", r.hook.url, "--allow-private")
		if failed.code != exitFailed || !strings.Contains(failed.err, "--no-test") {
			t.Errorf("got %+v, want that it was not added", failed)
		}
		again := r.destination("add", "hook", "--kind", "webhook", "--url", r.hook.url, "--no-test")
		if again.code != exitFailed || !strings.Contains(again.err, "destination edit") {
			t.Errorf("got %+v, want that the name is taken", again)
		}
		if all := r.ok(r.on("destination", "list", "--json")).out; strings.Count(all, "\n") != 1 {
			t.Errorf("got %s, want one destination", all)
		}
		r.ok(r.destination("show", "hook"))
		r.requireNoSecrets(secret)
		if strings.Contains(r.printed.String(), "HeaderMarker") {
			t.Error("the value of the header was printed")
		}
	})
}

func TestAReceiverThatDoesNotKnowTheNewSecretYetIsAddedAllTheSame(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.New(t, "sqlite"))
	r.hook.answer(http.StatusUnauthorized)
	if secret := r.add("hook"); !strings.HasPrefix(secret, "whsec_") {
		t.Errorf("got the secret %q", secret)
	}
	given := r.destination("add", "other", "--kind", "webhook", "--url", r.hook.url, "--allow-private",
		"--secret", "whsec_"+testKey)
	if given.code != exitFailed || !strings.Contains(given.err, "answered 401") {
		t.Errorf("got %+v, want that a receiver that knows the secret refuses it", given)
	}
}

func TestPostgresNeedsAKeyForSecrets(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.New(t, "postgres"))
	got := r.on("destination", "add", "hook", "--kind", "webhook", "--url", r.hook.url, "--allow-private")
	if got.code != exitUsage || !strings.Contains(got.err, `export ACKBOX_SECRET_KEY="$(openssl rand -base64 32)"`) {
		t.Errorf("got %+v, want the line that makes a key", got)
	}
	wrong := r.on("destination", "add", "hook", "--kind", "webhook", "--url", r.hook.url, "--secret-key", "KeyMarker")
	if wrong.code != exitUsage || strings.Contains(wrong.err, "KeyMarker") {
		t.Errorf("got %+v, want an error without the key", wrong)
	}
}

func TestFlagsOfDestinationsAreChecked(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.New(t, "sqlite"))
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--kind", "carrier-pigeon"}, exitUsage, "webhook"},
		{[]string{"--kind", "webhook"}, exitUsage, "--url"},
		{[]string{"--kind", "webhook", "--url", "ftp://x.test"}, exitUsage, "https://"},
		{[]string{"--kind", "webhook", "--url", "https://u:PassMarker@x.test"}, exitUsage, "password"},
		{[]string{"--kind", "webhook", "--url", "https://x.test", "--secret", "SecretMarker"}, exitUsage, "whsec_"},
		{[]string{"--kind", "webhook", "--url", "https://x.test", "--header", "a b=c"}, exitUsage, "NAME=REF"},
		{[]string{"--kind", "webhook", "--url", "https://x.test", "--filter", "object =="}, exitUsage, "column"},
		{[]string{"--kind", "webhook", "--url", "https://x.test", "--order", "odd"}, exitUsage, "latest"},
		{[]string{"--kind", "webhook", "--url", "https://x.test", "--rate", "-1"}, exitUsage, "--rate"},
		{[]string{"--kind", "webhook", "--url", "https://x.test", "--give-up", "0s"}, exitUsage, "--give-up"},
		{[]string{"--kind", "webhook", "--url", "https://x.test", "--from", "never"}, exitUsage, "--from"},
		{[]string{"--kind", "webhook", "--url", "https://x.test", "--source", "erp"}, exitFailed, "source list"},
		{[]string{"--kind", "webhook", "--url", "env:ACKBOX_TEST_NOT_SET"}, exitFailed, "ACKBOX_TEST_NOT_SET"},
	} {
		got := r.destination(append([]string{"add", "hook"}, test.args...)...)
		if got.code != test.code || !strings.Contains(got.err, test.want) || strings.Contains(got.err, "Marker") {
			t.Errorf("%q: got %+v, want exit code %d and %q", test.args, got, test.code, test.want)
		}
	}
	got := r.destination("add", "a/b", "--kind", "webhook", "--url", "https://x.test", "--no-test")
	if got.code != exitUsage {
		t.Errorf("got %+v for a name with a slash, want exit code %d", got, exitUsage)
	}
}

func TestWhatDoesNotExistIsNamed(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.New(t, "sqlite"))
	for _, args := range [][]string{
		{"destination", "show", "hook"}, {"destination", "edit", "hook"}, {"destination", "test", "hook"},
		{"destination", "pause", "hook"}, {"destination", "rotate", "hook"}, {"deliveries", "--destination", "hook"},
	} {
		got := r.on(args...)
		if got.code != exitFailed || !strings.Contains(got.err, `"hook"; ackbox destination list`) {
			t.Errorf("%q: got %+v, want the command that lists all", args, got)
		}
	}
}

func TestADestinationBeginsWhereItIsTold(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		r := newRig(t, db)
		r.save(manyAtOnce + 1)
		args := []string{"--no-test", "--from", "beginning"}
		got := r.destination(append([]string{"add", "hook", "--kind", "webhook", "--url", r.hook.url}, args...)...)
		if got.code != exitUsage || !strings.Contains(got.err, fmt.Sprint(manyAtOnce+1)) ||
			!strings.Contains(got.err, "--yes") {
			t.Errorf("got %+v, want the number and --yes", got)
		}
		r.add("all", append(args, "--yes")...)
		r.add("json", append(args, "--json")...)
		r.add("some", "--no-test", "--from", "700")
		r.add("new", "--no-test")
		last := r.stored("new").Start
		for name, want := range map[string]int64{"all": 0, "json": 0, "some": 700} {
			if got := r.stored(name).Start; got != want {
				t.Errorf("%s: got the start %d, want %d", name, got, want)
			}
		}
		n, err := db.Store.CountNotifications(t.Context(), store.NotificationFilter{After: last})
		if err != nil || n != 0 || last <= manyAtOnce {
			t.Errorf("got %d after the start %d (%v), want what is stored to be before", n, last, err)
		}
	})
}

func TestADryRunCountsAndAddsNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		r := newRig(t, db)
		r.saveObject("Lead", 3)
		r.saveObject("Contact", 2)
		got := r.ok(r.destination("add", "hook", "--kind", "webhook", "--dry-run", "7d", "--object", "lead"))
		if !strings.HasPrefix(got.out, "3 of 5 notifications") {
			t.Errorf("got %q, want 3 of 5", got.out)
		}
		got = r.ok(r.destination("add", "hook", "--kind", "webhook", "--dry-run", "7d", "--json",
			"--filter", `object == "Contact" && fields.Company > 1`))
		if got.out != `{"notifications":5,"wanted":0,"unmatched":2}`+"\n" {
			t.Errorf("got %q, want that 2 cannot be computed", got.out)
		}
		if list := r.ok(r.on("destination", "list", "--json")); list.out != "" || len(r.hook.take()) != 0 {
			t.Errorf("got %q, want nothing added and nothing sent", list.out)
		}
	})
}

func TestADestinationIsRemovedWhenThatIsMeant(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		r := newRig(t, db)
		r.add("hook")
		r.save(2)
		got := r.on("destination", "remove", "hook")
		if got.code != exitUsage || !strings.Contains(got.err, "2 notifications") || !strings.Contains(got.err, "--yes") {
			t.Errorf("got %+v, want what is lost and --yes", got)
		}
		r.ok(r.on("destination", "remove", "hook", "--yes"))
		if got := r.on("destination", "remove", "hook", "--yes"); got.code != exitFailed {
			t.Errorf("got %+v, want that there is none", got)
		}
		if got := r.ok(r.on("destination", "list", "--json")); got.out != "" {
			t.Errorf("got %q, want none", got.out)
		}
		r.add("hook") // the name is free
	})
}
