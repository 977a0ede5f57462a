package handlers_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ackbox/handlers"
	"ackbox/store"
	"ackbox/store/storetest"
)

// A script adds a source and posts to its URL at once, again and again: each post is acked, however
// fresh the sources are that are cached.
func TestATokenIsKnownTheMomentItIsMade(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, in *inbox) {
		for i := range 15 {
			_, token, err := in.db.AddSource(t.Context(), fmt.Sprint("new", i), nil, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if a := in.postTo(t, token); !a.isAck() {
				t.Errorf("source %d: got %d %s", i, a.status, a.body)
			}
		}
	})
}

// unreadable is a database whose sources cannot be read while it is away.
type unreadable struct {
	*store.Store
	away *atomic.Bool
}

func (u unreadable) Sources(ctx context.Context) ([]store.Source, error) {
	if u.away.Load() {
		return nil, store.ErrUnavailable
	}
	return u.Store.Sources(ctx)
}

// While the database cannot say whether a token exists, nobody is told that there is no inbox: the
// token may have been made by another process.
func TestWithoutADatabaseNoTokenIsUnknown(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		away := &atomic.Bool{}
		in := newInbox(t, db.Store, func(c *handlers.Config) { c.Store = unreadable{db.Store, away} })
		if a := in.post(t, envelope("04l1")); !a.isAck() {
			t.Fatalf("got %d %s", a.status, a.body)
		}
		away.Store(true)
		_, token, err := in.db.AddSource(t.Context(), "another", nil, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		a := in.postTo(t, token)
		if code, _ := a.fault(t); a.status != http.StatusServiceUnavailable || code != "soapenv:Server" {
			t.Errorf("a new token: got %d %s, want 503", a.status, code)
		}
		if a := in.post(t, envelope("04l2")); !a.isAck() {
			t.Errorf("a token that is cached: got %d %s", a.status, a.body)
		}
		away.Store(false)
		if a := in.postTo(t, token); !a.isAck() {
			t.Errorf("with the database back: got %d %s", a.status, a.body)
		}
	})
}

// However many addresses ask for tokens that do not exist, the database is asked a bounded number
// of times: those who wait share an answer.
func TestUnknownTokensOfManyAddressesShareTheirQueries(t *testing.T) {
	t.Parallel()
	db, reads := storetest.New(t, storetest.SQLite), make(chan struct{}, 10_000)
	in := newInbox(t, db.Store, func(c *handlers.Config) { c.Store = querying{db.Store, reads} })
	started := time.Now()
	var asking sync.WaitGroup
	for worker := range 8 {
		asking.Go(func() {
			for i := range 50 {
				in.postFrom(t, fmt.Sprintf("198.51.%d.%d:1", worker, i), strings.Repeat("x", 43))
			}
		})
	}
	asking.Wait()
	const perSecond = 20 + 4 // for tokens, and the refreshes in between with some slack
	if got, most := len(reads), 2+int(perSecond*time.Since(started).Seconds()); got > most {
		t.Errorf("400 requests in %s made %d queries, want %d at most", time.Since(started), got, most)
	}
}
