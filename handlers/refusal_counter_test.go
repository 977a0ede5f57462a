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

// flood is more than is recorded and logged one by one.
const flood = 250

func TestAFloodOfRefusalsIsCountedExactlyAndSampled(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, in *inbox) {
		for range flood {
			in.post(t, "hello")
		}
		in.post(t, envelope("04l1")[:300]) // another cause has samples of its own
		for range 3 {
			in.do(t, http.MethodPut, in.url(), nil) // counted, never recorded
		}
		if got := len(in.refusals(t)); got < 50 || got >= flood {
			t.Errorf("got %d refusals on record, want a sample", got)
		}
		if got := strings.Count(in.log.String(), "message refused"); got < 50 || got >= flood {
			t.Errorf("got %d log lines, want a sample", got)
		}
		if got := in.refusals(t); got[len(got)-1].Cause != "malformed" {
			t.Errorf("the last one on record is %+v, want the other cause", got[len(got)-1])
		}
		eventually(t, "all are counted", func() bool {
			got := in.counts(t)
			return got["crm shape"] == flood && got["crm malformed"] == 1 && got[" method"] == 3
		})
	})
}

// counts are the counts of refusals by source and cause.
func (in *inbox) counts(t *testing.T) map[string]int64 {
	t.Helper()
	counts, err := in.db.RefusalCounts(t.Context(), store.RefusalFilter{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, c := range counts {
		got[c.Source+" "+c.Cause] += c.Refusals
	}
	return got
}

// uncounting is a database that does not take the counts at first.
type uncounting struct {
	*store.Store
	fails chan struct{} // a failure for each that is in it
}

func (u uncounting) CountRefusals(ctx context.Context, process string, totals []store.RefusalCount) error {
	err := u.Store.CountRefusals(ctx, process, totals)
	select {
	case <-u.fails:
		return store.ErrUnavailable // as when the answer to a commit is lost
	default:
		return err
	}
}

func TestACountWhoseOutcomeIsUnknownIsNotAddedTwice(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		fails := make(chan struct{}, 2)
		fails <- struct{}{}
		fails <- struct{}{}
		in := newInbox(t, db.Store, func(c *handlers.Config) { c.Store = uncounting{db.Store, fails} })
		for range 5 {
			in.post(t, "hello")
		}
		eventually(t, "the writes that failed are over", func() bool { return len(fails) == 0 })
		in.post(t, "hello")
		eventually(t, "all are counted", func() bool { return in.counts(t)["crm shape"] == 6 })
	})
}

func TestFlushWritesWhatWasCountedLast(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, in *inbox) {
		in.post(t, "hello")
		if err := in.h.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := in.counts(t)["crm shape"]; got != 1 {
			t.Errorf("got %d, want 1", got)
		}
	})
}

// querying counts how often the sources are read.
type querying struct {
	*store.Store
	reads chan struct{}
}

func (q querying) Sources(ctx context.Context) ([]store.Source, error) {
	q.reads <- struct{}{}
	return q.Store.Sources(ctx)
}

func (in *inbox) postTo(t *testing.T, token string) answer {
	t.Helper()
	return in.do(t, http.MethodPost, in.URL+"/outbound/"+token, strings.NewReader(envelope("04l1")))
}

// Whoever floods URLs that do not exist is throttled; whoever posts from the same address to one
// that does is not.
func TestUnknownTokensAreThrottledAndKnownOnesAreNot(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.SQLite)
	reads := make(chan struct{}, 10_000)
	in := newInbox(t, db.Store, func(c *handlers.Config) { c.Store = querying{db.Store, reads} })
	got := map[int]int{}
	before := time.Now()
	var throttled answer
	for range 200 {
		a := in.postTo(t, strings.Repeat("x", 43))
		if got[a.status]++; a.status == 429 {
			throttled = a
		}
		if a := in.post(t, envelope("04l1")); !a.isAck() {
			t.Fatalf("a known token got %d %s", a.status, a.body)
		}
	}
	allowed := 20 + int(time.Since(before).Seconds()) + 1
	if got[404] == 0 || got[404] > allowed || got[429] != 200-got[404] {
		t.Errorf("got %v, want at most %d times 404 and then 429", got, allowed)
	}
	if code, _ := throttled.fault(t); code != "soapenv:Client" || !throttled.closed {
		t.Errorf("got a 429 of %s, connection closed %v", code, throttled.closed)
	}
}

// invalid are tokens that open nothing, each in its own way.
var invalid = map[string]func(t *testing.T, db *store.Store, crm string) string{
	"of none":   func(*testing.T, *store.Store, string) string { return strings.Repeat("x", 43) },
	"too long":  func(_ *testing.T, _ *store.Store, crm string) string { return crm + "x" },
	"too short": func(_ *testing.T, _ *store.Store, crm string) string { return crm[:42] },
	"of a disabled source": func(t *testing.T, db *store.Store, crm string) string {
		t.Helper()
		if err := db.DisableSource(t.Context(), "crm", time.Now()); err != nil {
			t.Fatal(err)
		}
		return crm
	},
	"rotated away": func(t *testing.T, db *store.Store, crm string) string {
		t.Helper()
		if _, err := db.RotateToken(t.Context(), "crm", time.Nanosecond, time.Now()); err != nil {
			t.Fatal(err)
		}
		return crm
	},
}

// The time that an answer takes must not tell a token that was valid, or is of a disabled source,
// from one that never was: all of them make the same way, through the same reads, to the same
// words.
func TestTokensThatAreNotValidAreToldApartByNothing(t *testing.T) {
	t.Parallel()
	for name, spoil := range invalid {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, reads := storetest.New(t, storetest.SQLite), make(chan struct{}, 10_000)
			in := newInbox(t, db.Store, func(c *handlers.Config) { c.Store = querying{db.Store, reads} })
			never := in.postTo(t, "never")
			token := spoil(t, db.Store, in.token)
			var a answer
			eventually(t, "it is refused", func() bool {
				a = in.postTo(t, token)
				return a.status == 404
			})
			if a.body != never.body {
				t.Errorf("got the words %s, want %s", a.body, never.body)
			}
			eventually(t, "it makes the sources be read", func() bool {
				drain(reads)
				return in.postTo(t, token).status == 404 && len(reads) > 0
			})
		})
	}
}

func drain(c chan struct{}) {
	for len(c) > 0 {
		<-c
	}
}

func TestAnExpiredTokenIsRefusedThoughTheSnapshotHasIt(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, in *inbox) {
		fresh, err := in.db.RotateToken(t.Context(), "crm", 2*time.Second, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "both work", func() bool { return in.postTo(t, fresh).isAck() && in.post(t, envelope("04l1")).isAck() })
		eventually(t, "the old one ends", func() bool { return in.post(t, envelope("04l1")).status == 404 })
		if a := in.postTo(t, fresh); !a.isAck() {
			t.Errorf("the new one got %d", a.status)
		}
	})
}

func TestReadyzDoesNotWearOutTheDatabase(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.SQLite)
	asked := make(chan struct{}, 10_000)
	in := newInbox(t, db.Store, func(c *handlers.Config) { c.Store = examined{db.Store, asked} })
	started := time.Now()
	for range 300 {
		if a := in.do(t, http.MethodGet, in.URL+"/readyz", io.Reader(nil)); a.status != 200 {
			t.Fatalf("got %d %s", a.status, a.body)
		}
	}
	if got, most := len(asked), 1+int(time.Since(started)/(100*time.Millisecond)); got > most {
		t.Errorf("the database was asked %d times in %s", got, time.Since(started))
	}
}

type examined struct {
	*store.Store
	asked chan struct{}
}

func (e examined) Health(ctx context.Context) (store.Health, error) {
	e.asked <- struct{}{}
	return e.Store.Health(ctx)
}

func TestReadyzDoesNotFillTheLog(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.SQLite)
	in := newInbox(t, db.Store, func(c *handlers.Config) { c.Store = unwell{db.Store} })
	for range 300 {
		if a := in.do(t, http.MethodGet, in.URL+"/readyz", io.Reader(nil)); a.status != 503 {
			t.Fatalf("got %d %s", a.status, a.body)
		}
	}
	if got := strings.Count(in.log.String(), "not ready"); got != 1 {
		t.Errorf("got %d lines in the log, want one", got)
	}
}

// unwell is a database that does not answer.
type unwell struct{ *store.Store }

func (unwell) Health(context.Context) (store.Health, error) {
	return store.Health{}, store.ErrUnavailable
}
