package handlers_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"ackbox/handlers"
	"ackbox/store"
	"ackbox/store/storetest"
)

func TestPostIsStoredAndAcked(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, in *inbox) {
		for range 2 {
			if a := in.post(t, envelope("04l1", "04l2")); !a.isAck() {
				t.Fatalf("got %d %s", a.status, a.body)
			}
		}
		if got := in.stored(t); got != 2 {
			t.Errorf("got %d notifications, want 2", got)
		}
	})
}

// Whatever is not UTF-8 XML by its headers is refused, and all else is not asked for.
func TestContentTypes(t *testing.T) {
	t.Parallel()
	cases := []struct {
		header string
		status int
	}{
		{"Content-Type: text/xml; charset=UTF-8", 200},
		{"Content-Type: text/xml; charset=\"utf-8\"", 200},
		{"Content-Type: text/xml; charset=utf8", 200},
		{"Content-Type: text/xml; charset=\" UTF8\"", 200},
		{"Content-Type: text/xml", 200},
		{"Content-Type: ", 200},
		{"Content-Type: text/plain", 200},
		{"Content-Type: ;;;", 200},
		{"Content-Type: application/x-www-form-urlencoded", 200},
		{"Content-Encoding: identity", 200},
		{"Content-Type: text/xml; charset=ISO-8859-1", 415},
		{"Content-Type: application/soap+xml; charset=utf-8", 415},
		{"Content-Encoding: gzip", 415},
	}
	onEach(t, func(t *testing.T, in *inbox) {
		for _, c := range cases {
			a := in.post(t, envelope("04l1"), c.header)
			if a.status != c.status {
				t.Errorf("%s: got %d, want %d", c.header, a.status, c.status)
			}
			if a.status == 200 && !a.isAck() {
				t.Errorf("%s: got %s", c.header, a.body)
			}
		}
		if got := len(in.refusals(t)); got != 3 {
			t.Errorf("got %d refusals, want 3", got)
		}
	})
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	other := strings.Replace(envelope("04l1"), organization, "00D5g00000OTHERAAA", 1)
	cases := []struct {
		name, body, cause string
		status            int
	}{
		{"not XML", "hello", "shape", 400},
		{"cut", envelope("04l1")[:300], "malformed", 400},
		{"DTD", "<!DOCTYPE a>" + envelope("04l1"), "forbidden", 400},
		{"no notification", envelope(), "count", 400},
		{"no id", envelope(""), "identity", 400},
		{"declared encoding", `<?xml version="1.0" encoding="UTF-16"?>` + envelope("04l1"), "encoding", 415},
		{"SOAP 1.2", strings.Replace(envelope("04l1"), "http://schemas.xmlsoap.org/soap/envelope/",
			"http://www.w3.org/2003/05/soap-envelope", 1), "soap_version", 400},
		{"another organization", other, "organization", 403},
	}
	onEach(t, func(t *testing.T, in *inbox) {
		for i, c := range cases {
			a := in.post(t, c.body)
			code, reason := a.fault(t)
			if a.status != c.status || code != "soapenv:Client" || reason == "" {
				t.Errorf("%s: got %d %s %q, want %d", c.name, a.status, code, reason, c.status)
			}
			recorded := in.refusals(t)
			if len(recorded) != i+1 {
				t.Fatalf("%s: got %d refusals, want %d", c.name, len(recorded), i+1)
			}
			r := recorded[i]
			id := a.header.Get("X-Request-Id")
			if r.Cause != c.cause || r.Status != c.status || r.Source != "crm" || r.RequestID != id || r.Detail == "" {
				t.Errorf("%s: got refusal %+v", c.name, r)
			}
		}
		if got := in.stored(t); got != 0 {
			t.Errorf("got %d notifications of refused messages", got)
		}
	})
}

func TestRequestsThatAreNoMessages(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, in *inbox) {
		cases := []struct {
			method, path string
			status       int
		}{
			{http.MethodPost, "/outbound/" + strings.Repeat("x", 43), 404},
			{http.MethodPost, "/outbound/", 404},
			{http.MethodPost, "/outbound", 404},
			{http.MethodPost, "/outbound/" + in.token + "/more", 404},
			{http.MethodPost, "/outbound/" + in.token + "/more/", 404},
			{http.MethodPost, "/outbound/%20", 404},
			{http.MethodPost, "/outbound/" + in.token[:20] + "%20" + in.token[20:], 404},
			{http.MethodPut, "/outbound/" + in.token, 405},
			{http.MethodPut, "/outbound/" + in.token + "/", 405},
			{http.MethodOptions, "/outbound/" + in.token + "/", 405},
			{http.MethodDelete, "/outbound/" + in.token, 405},
			{http.MethodOptions, "/outbound/" + in.token, 405},
			{http.MethodTrace, "/outbound/" + in.token, 405},
			{"PROPFIND", "/outbound/" + in.token, 405},
		}
		for _, c := range cases {
			a := in.do(t, c.method, in.URL+c.path, strings.NewReader(envelope("04l1")))
			if code, _ := a.fault(t); a.status != c.status || code != "soapenv:Client" {
				t.Errorf("%s %s: got %d %s, want %d", c.method, c.path, a.status, code, c.status)
			}
		}
		if got := len(in.refusals(t)); got != 0 {
			t.Errorf("got %d refusals: these are counted, not recorded", got)
		}
		if a := in.do(t, http.MethodPost, in.URL+"/elsewhere", nil); a.status != 404 {
			t.Errorf("elsewhere: got %d", a.status)
		}
	})
}

func TestTheURLOpenedInABrowserSaysWhatItIsFor(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, in *inbox) {
		known := in.do(t, http.MethodGet, in.url(), nil)
		unknown := in.do(t, http.MethodGet, in.URL+"/outbound/unknown", nil)
		if known.status != 200 || !strings.Contains(known.body, "Outbound Messages") || known.body != unknown.body {
			t.Errorf("got %d %s", known.status, known.body)
		}
		if strings.Contains(known.body, in.token) || known.header.Get("Referrer-Policy") != "no-referrer" {
			t.Error("the page gives the token away")
		}
	})
}

func TestADisabledSourceIsNotThere(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, in *inbox) {
		if a := in.post(t, envelope("04l1")); !a.isAck() {
			t.Fatalf("got %d", a.status)
		}
		if err := in.db.DisableSource(t.Context(), "crm", time.Now()); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the source is not there", func() bool { return in.post(t, envelope("04l1")).status == 404 })
		if err := in.db.EnableSource(t.Context(), "crm"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the source is there again", func() bool { return in.post(t, envelope("04l1")).isAck() })
	})
}

func TestANewSourceWorksAtOnce(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, in *inbox) {
		_, token, err := in.db.AddSource(t.Context(), "another", nil, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "the new source is there", func() bool {
			return in.do(t, http.MethodPost, in.URL+"/outbound/"+token, strings.NewReader(envelope("04l1"))).isAck()
		})
	})
}

// eventually waits for something that the contract gives a second; on a busy machine it may take
// longer.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); <-ticker.C {
		if holds() {
			return
		}
	}
	t.Fatalf("%s: not within 10 s", what)
}

func TestWithoutADatabaseNothingIsAcked(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		closed, err := store.Open(db.URL)
		if err != nil {
			t.Fatal(err)
		}
		in := newInbox(t, db.Store, func(c *handlers.Config) { c.Store = unsaving{db.Store, closed} })
		if err := closed.Close(); err != nil {
			t.Fatal(err)
		}
		a := in.post(t, envelope("04l1"))
		if code, _ := a.fault(t); a.status != 503 || code != "soapenv:Server" {
			t.Errorf("got %d %s, want 503", a.status, code)
		}
		if got := in.do(t, http.MethodGet, in.URL+"/readyz", nil).status; got != 503 {
			t.Errorf("readyz: got %d, want 503", got)
		}
		if got := in.do(t, http.MethodGet, in.URL+"/healthz", nil).status; got != 200 {
			t.Errorf("healthz: got %d, want 200", got)
		}
	})
}

// unsaving knows the sources, but the database that it saves to has gone.
type unsaving struct {
	*store.Store
	gone *store.Store
}

func (u unsaving) Save(ctx context.Context, in store.Inbound) (store.Saved, error) {
	return u.gone.Save(ctx, in)
}

func (u unsaving) Health(ctx context.Context) (store.Health, error) { return u.gone.Health(ctx) }

// panicking stands for a mistake of ours.
type panicking struct{ *store.Store }

func (panicking) Save(context.Context, store.Inbound) (store.Saved, error) { panic("a mistake") }

func TestAPanicIsA503AndTheServerGoesOn(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.SQLite)
	in := newInbox(t, db.Store, func(c *handlers.Config) { c.Store = panicking{db.Store} })
	for range 2 {
		a := in.post(t, envelope("04l1"))
		if code, reason := a.fault(t); a.status != 503 || code != "soapenv:Server" || strings.Contains(reason, "mistake") {
			t.Errorf("got %d %s %q", a.status, code, reason)
		}
	}
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.SQLite)
	in := newInbox(t, db.Store, func(c *handlers.Config) { c.BodyLimit = 100 << 10 })
	fits := pad(envelope("04l1"), 100<<10)
	for name, body := range map[string]io.Reader{
		"announced": strings.NewReader(fits), "chunked": io.MultiReader(strings.NewReader(fits)),
	} {
		if a := in.do(t, http.MethodPost, in.url(), body); !a.isAck() {
			t.Errorf("%s: a body at the limit gets %d %s", name, a.status, a.body)
		}
	}
	over := fits + " "
	for name, body := range map[string]io.Reader{
		"announced": strings.NewReader(over), "chunked": io.MultiReader(strings.NewReader(over)),
	} {
		a := in.do(t, http.MethodPost, in.url(), body)
		if a.fault(t); a.status != 413 {
			t.Errorf("%s: a body over the limit gets %d", name, a.status)
		}
	}
	if got := in.refusals(t); len(got) != 2 || got[0].Cause != "too_large" {
		t.Errorf("got %+v", got)
	}
}

// pad makes a body so long, with white space that means nothing.
func pad(body string, length int) string { return body + strings.Repeat(" ", length-len(body)) }

func TestBodiesShareALimit(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.SQLite)
	in := newInbox(t, db.Store, func(c *handlers.Config) { c.BodyLimit = 64 << 10 })
	first, second := in.postHalf(t, "04l1"), in.postHalf(t, "04l2")
	eventually(t, "there is no room for another", func() bool {
		a := in.post(t, pad(envelope("04l3"), 60<<10))
		return a.status == 503 && strings.Contains(a.body, "too much to do")
	})
	for _, finish := range []func() answer{first, second} {
		if a := finish(); !a.isAck() {
			t.Errorf("one that came before got %d %s", a.status, a.body)
		}
	}
	eventually(t, "there is room again", func() bool { return in.post(t, pad(envelope("04l3"), 60<<10)).isAck() })
}

// postHalf posts most of a body of 60 KiB; finish posts the rest and returns the answer.
func (in *inbox) postHalf(t *testing.T, id string) (finish func() answer) {
	t.Helper()
	reader, writer := io.Pipe()
	done := make(chan answer, 1)
	go func() { done <- in.do(t, http.MethodPost, in.url(), reader) }()
	body := pad(envelope(id), 60<<10)
	if _, err := io.WriteString(writer, body[:50<<10]); err != nil {
		t.Fatal(err)
	}
	return func() answer {
		t.Helper()
		if _, err := io.WriteString(writer, body[50<<10:]); err != nil {
			t.Fatal(err)
		}
		_ = writer.Close() // always nil
		return <-done
	}
}

func TestNothingSecretIsLoggedOrRecorded(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, in *inbox) {
		body := envelope("04l1")
		for _, b := range []string{body, body, body[:len(body)-5], strings.Replace(body, "Hush Inc", "Hush &Inc;", 1),
			strings.Replace(body, organization, "00DOther", 1), strings.Replace(body, "<SessionId>", "<SessionId>\x01", 1)} {
			in.post(t, b)
		}
		in.do(t, http.MethodPost, in.URL+"/outbound/"+in.token+"x", strings.NewReader(body))
		in.do(t, http.MethodPut, in.url(), nil)
		for _, r := range in.refusals(t) {
			if text := r.Detail + r.Cause + r.RequestID; strings.Contains(text, "AQsecret") || strings.Contains(text, "ush") {
				t.Errorf("the refusal %+v tells of the body", r)
			}
		}
		for _, secret := range []string{"AQsecret", "Hush", in.token} {
			if strings.Contains(in.log.String(), secret) {
				t.Errorf("%q is in the log", secret)
			}
		}
	})
}
