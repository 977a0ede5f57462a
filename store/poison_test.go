package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"ackbox/store"
	"ackbox/store/storetest"
)

// A batch that the database does not accept, as its source does not exist, is saved at the same
// time as others, so that they may share a transaction. It alone is refused, and nothing of it is
// stored.
func TestOnlyTheBatchThatCannotBeStoredIsRefused(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		const batches, poisoned = 64, 37
		var saving sync.WaitGroup
		for i := range batches {
			in := store.Inbound{SourceID: source.ID, Batch: benchmarkBatch(i*2, 2), ReceivedAt: now}
			if i == poisoned {
				in.SourceID += 1000
			}
			saving.Go(func() {
				_, err := db.Store.Save(t.Context(), in)
				if (err != nil) != (i == poisoned) || errors.Is(err, store.ErrUnavailable) {
					t.Errorf("batch %d: got %v", i, err)
				}
			})
		}
		saving.Wait()
		if got, want := len(export(t, db.Store, store.NotificationFilter{})), (batches-1)*2; got != want {
			t.Errorf("got %d notifications, want %d", got, want)
		}
	})
}

// PostgreSQL parses the fields, which are always valid JSON outside tests; SQLite stores them as
// text.
func TestOnlyTheBatchWithInvalidFieldsIsRefused(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.Postgres)
	source := addSource(t, db.Store, "one")
	var saving sync.WaitGroup
	for i := range 32 {
		fields, want := fmt.Sprintf(`{"Id":"%d"}`, i), i != 7
		if !want {
			fields = `{"Id":`
		}
		batch := batchOf(entry(fmt.Sprintf("04l%d", i), fields))
		saving.Go(func() {
			in := store.Inbound{SourceID: source.ID, Batch: batch, ReceivedAt: now}
			_, err := db.Store.Save(t.Context(), in)
			if (err == nil) != want || errors.Is(err, store.ErrUnavailable) {
				t.Errorf("batch %d: got %v", i, err)
			}
		})
	}
	saving.Wait()
	if got := len(export(t, db.Store, store.NotificationFilter{})); got != 31 {
		t.Errorf("got %d notifications, want 31", got)
	}
}
