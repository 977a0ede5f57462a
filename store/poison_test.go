package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"ackbox/store"
	"ackbox/store/storetest"
)

// A message that the database cannot take, for a source that is gone, is saved among others at the same time, so that
// they may share a transaction: it alone is refused, and nothing of it is stored.
func TestOnlyTheMessageThatCannotBeStoredIsRefused(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		const messages, poisoned = 64, 37
		var saving sync.WaitGroup
		for i := range messages {
			in := store.Inbound{SourceID: source.ID, Batch: benchmarkMessage(i*2, 2), ReceivedAt: now}
			if i == poisoned {
				in.SourceID += 1000
			}
			saving.Go(func() {
				_, err := db.Store.Save(t.Context(), in)
				if (err != nil) != (i == poisoned) || errors.Is(err, store.ErrUnavailable) {
					t.Errorf("message %d: got %v", i, err)
				}
			})
		}
		saving.Wait()
		if got, want := len(export(t, db.Store, store.NotificationFilter{})), (messages-1)*2; got != want {
			t.Errorf("got %d notifications, want %d", got, want)
		}
	})
}

// PostgreSQL reads the fields, which are JSON whoever calls; SQLite keeps them as text.
func TestOnlyTheMessageWithInvalidFieldsIsRefused(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.Postgres)
	source := addSource(t, db.Store, "one")
	var saving sync.WaitGroup
	for i := range 32 {
		fields, want := fmt.Sprintf(`{"Id":"%d"}`, i), i != 7
		if !want {
			fields = `{"Id":`
		}
		m := message(notification(fmt.Sprintf("04l%d", i), fields))
		saving.Go(func() {
			_, err := db.Store.Save(t.Context(), store.Inbound{SourceID: source.ID, Batch: m, ReceivedAt: now})
			if (err == nil) != want || errors.Is(err, store.ErrUnavailable) {
				t.Errorf("message %d: got %v", i, err)
			}
		})
	}
	saving.Wait()
	if got := len(export(t, db.Store, store.NotificationFilter{})); got != 31 {
		t.Errorf("got %d notifications, want 31", got)
	}
}
