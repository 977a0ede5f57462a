package store_test

import (
	"context"
	"strings"
	"testing"

	"ackbox/store"
	"ackbox/store/storetest"
)

// hearing counts the wakes of a store until the test ends.
func hearing(t *testing.T, s *store.Store) <-chan struct{} {
	t.Helper()
	woken := make(chan struct{}, 1)
	inBackground(t, func(ctx context.Context) {
		s.Announcements(ctx, func() {
			select {
			case woken <- struct{}{}:
			default:
			}
		})
	})
	return woken
}

// inBackground runs work until the test ends.
func inBackground(t *testing.T, work func(ctx context.Context)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		work(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
}

// awaitWake waits until a store is woken.
func awaitWake(t *testing.T, woken <-chan struct{}) {
	t.Helper()
	until(t, "the other process is woken", func() bool {
		select {
		case <-woken:
			return true
		default:
			return false
		}
	})
}

func TestOtherProcessesHearThatSomethingWasStored(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		written := &log{}
		source := addSource(t, db.Store, "one")
		inBackground(t, db.Store.Announce)
		other := storetest.Open(t, db.URL, written.option())
		woken := hearing(t, other.Store)
		awaitWake(t, woken)
		for i := range 3 {
			save(t, db.Store, source, benchmarkBatch(i, 1), now)
			awaitWake(t, woken)
		}
		if log := written.String(); log != "" {
			t.Errorf("got %s, want announcements to be heard", log)
		}
	})
}

// Behind PgBouncer, LISTEN succeeds and hears nothing.
func TestWhatPgBouncerKeepsFromBeingHeardIsAskedFor(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.Postgres)
	written := &log{}
	other := storetest.Open(t, storetest.PgBouncer(t, db.URL, 3),
		written.option())
	woken := hearing(t, other.Store)
	awaitWake(t, woken)
	awaitWake(t, woken)
	if log := written.String(); strings.Count(log, "not heard") != 1 {
		t.Errorf("got %q, want one warning", log)
	}
}
