package store_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"ackbox/ledger"
	"ackbox/store"
	"ackbox/store/storetest"
)

// requireRefused checks that a batch is refused at once, although the database hangs.
func requireRefused(t *testing.T, db *store.Store, in store.Inbound) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	started := time.Now()
	_, err := db.Save(ctx, in)
	if !errors.Is(err, store.ErrOverloaded) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v, want %v", err, store.ErrOverloaded)
	}
	if took := time.Since(started); took > time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestBatchesBeyondTheQueueAreRefusedAtOnce(t *testing.T) {
	t.Parallel()
	const room, extra = 20, 200
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		db = storetest.Open(t, db.URL, store.Queue(room, 1<<20))
		source := addSource(t, db.Store, "one")
		release := hold(t, db)
		var saves []<-chan result
		for i := range room {
			saves = append(saves, saving(t.Context(), db.Store, source.ID, benchmarkBatch(i, 1)))
			until(t, "the batch is in the queue", func() bool {
				n, _ := db.Store.Pending()
				return n == i+1
			})
		}
		for i := range extra {
			requireRefused(t, db.Store, store.Inbound{SourceID: source.ID, Batch: benchmarkBatch(room+i, 1)})
		}
		release()
		for _, s := range saves {
			if r := <-s; r.err != nil || r.saved.Stored != 1 {
				t.Errorf("got %+v, %v, want it stored", r.saved, r.err)
			}
		}
		save(t, db.Store, source, benchmarkBatch(room, 1), now)
		if got := len(export(t, db.Store, store.NotificationFilter{})); got != room+1 {
			t.Errorf("got %d notifications, want %d", got, room+1)
		}
	})
}

func TestQueueIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		db = storetest.Open(t, db.URL, store.Queue(1000, 10_000))
		source := addSource(t, db.Store, "one")
		large := benchmarkBatch(0, 100)
		if got := save(t, db.Store, source, large, now); got.Stored != 100 {
			t.Errorf("a large batch in an empty queue: got %+v, want it stored", got)
		}
		release := hold(t, db)
		first := saving(t.Context(), db.Store, source.ID, benchmarkBatch(100, 2))
		until(t, "the batch is in the queue", func() bool { n, _ := db.Store.Pending(); return n == 1 })
		requireRefused(t, db.Store, store.Inbound{SourceID: source.ID, Batch: large})
		second := saving(t.Context(), db.Store, source.ID, benchmarkBatch(102, 2))
		until(t, "a small one is in the queue", func() bool { n, _ := db.Store.Pending(); return n == 2 })
		release()
		for _, s := range []<-chan result{first, second} {
			if r := <-s; r.err != nil {
				t.Error(r.err)
			}
		}
	})
}

// Of the fields the queue has always known the size: the other texts of a row count as well.
func TestQueueCountsEveryTextOfABatch(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 20_000)
	plain := func() *ledger.Batch { return batchOf(entry("04l", "{}")) }
	texts := map[string]func(b *ledger.Batch){
		"fields":          func(b *ledger.Batch) { b.Entries[0].Fields = json.RawMessage(`"` + long + `"`) },
		"header":          func(b *ledger.Batch) { b.Entries[0].Header = json.RawMessage(`"` + long + `"`) },
		"organization id": func(b *ledger.Batch) { b.OrganizationID = long },
		"action id":       func(b *ledger.Batch) { b.ActionID = long },
		"notification id": func(b *ledger.Batch) { b.Entries[0].ID = long },
		"object type":     func(b *ledger.Batch) { b.Entries[0].ObjectType = &long },
		"record id":       func(b *ledger.Batch) { b.Entries[0].RecordID = &long },
		"operation":       func(b *ledger.Batch) { b.Entries[0].Operation = ledger.Operation(long) },
	}
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		db = storetest.Open(t, db.URL, store.Queue(1000, 10_000))
		source := addSource(t, db.Store, "one")
		release := hold(t, db)
		first := saving(t.Context(), db.Store, source.ID, plain())
		until(t, "the first is in the queue", func() bool { n, _ := db.Store.Pending(); return n == 1 })
		for name, lengthen := range texts {
			batch := plain()
			lengthen(batch)
			t.Log(name)
			requireRefused(t, db.Store, store.Inbound{SourceID: source.ID, Batch: batch})
		}
		release()
		if r := <-first; r.err != nil {
			t.Error(r.err)
		}
	})
}

// Whoever has an answer may send again at once, and finds the room that the answered batch had. The
// committer is still busy: it waits in what AfterCommit registered.
func TestRoomInTheQueueIsFreeBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		busy := make(chan struct{})
		db.Store.AfterCommit(func() { <-busy })
		defer close(busy)
		save(t, db.Store, source, benchmarkBatch(0, 3), now)
		if batches, bytes := db.Store.Pending(); batches != 0 || bytes != 0 {
			t.Errorf("got %d batches of %d bytes in the queue, want none", batches, bytes)
		}
	})
}

func TestCanceledSaveMakesRoomInTheQueue(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		db = storetest.Open(t, db.URL, store.Committers(1), store.Queue(2, 1<<20))
		source := addSource(t, db.Store, "one")
		release := hold(t, db)
		first := saving(t.Context(), db.Store, source.ID, benchmarkBatch(0, 1))
		until(t, "a committer has taken the first", func() bool {
			n, _ := db.Store.Pending()
			return n == 1 && db.Store.Waiting() == 0
		})
		ctx, cancel := context.WithCancel(t.Context())
		second := saving(ctx, db.Store, source.ID, benchmarkBatch(1, 1))
		until(t, "the second waits", func() bool { return db.Store.Waiting() == 1 })
		requireRefused(t, db.Store, store.Inbound{SourceID: source.ID, Batch: benchmarkBatch(2, 1)})
		cancel()
		if r := <-second; !errors.Is(r.err, store.ErrUnavailable) || !errors.Is(r.err, context.Canceled) {
			t.Errorf("got %v, want unavailable, canceled", r.err)
		}
		third := saving(t.Context(), db.Store, source.ID, benchmarkBatch(2, 1))
		until(t, "the third waits", func() bool { return db.Store.Waiting() == 1 })
		release()
		for _, s := range []<-chan result{first, third} {
			if r := <-s; r.err != nil {
				t.Error(r.err)
			}
		}
		if got := len(export(t, db.Store, store.NotificationFilter{})); got != 2 {
			t.Errorf("got %d notifications, want 2: the second is not stored", got)
		}
	})
}

// Each of the batches takes more than half of the bytes that may wait.
func TestCanceledSaveGivesItsBytesBack(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		db = storetest.Open(t, db.URL, store.Committers(1), store.Queue(1000, 10_000))
		source := addSource(t, db.Store, "one")
		release := hold(t, db)
		first := saving(t.Context(), db.Store, source.ID, batchOf(entry("04l", "{}")))
		until(t, "a committer has taken the first", func() bool {
			n, _ := db.Store.Pending()
			return n == 1 && db.Store.Waiting() == 0
		})
		_, before := db.Store.Pending()
		large := batchOf(entry("04m", `"`+strings.Repeat("x", 6000)+`"`))
		for range 3 {
			ctx, cancel := context.WithCancel(t.Context())
			left := saving(ctx, db.Store, source.ID, large)
			until(t, "the large one waits", func() bool { return db.Store.Waiting() == 1 })
			cancel()
			if r := <-left; !errors.Is(r.err, context.Canceled) {
				t.Errorf("got %v, want %v", r.err, context.Canceled)
			}
			if batches, bytes := db.Store.Pending(); batches != 1 || bytes != before {
				t.Errorf("got %d batches of %d bytes, want 1 of %d", batches, bytes, before)
			}
		}
		release()
		if r := <-first; r.err != nil {
			t.Error(r.err)
		}
	})
}

// What waits would not get a transaction either, and each attempt takes until its time limit.
func TestWaitingBatchesAreRefusedWhenNoTransactionBegins(t *testing.T) {
	t.Parallel()
	listener := listen(t) // accepts connections, in the kernel, and never answers
	db, err := store.Open("postgres://u:p@"+listener.Addr().String()+"/d", store.Committers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var saves []<-chan result
	for i := range 5 {
		// A batch with a join is a group of its own.
		in := store.Inbound{Batch: benchmarkBatch(i, 1), Join: keep("a")}
		saves = append(saves, savingInbound(t.Context(), db, in))
		until(t, "the batch is in the queue", func() bool { n, _ := db.Pending(); return n == i+1 })
	}
	var attempts int
	accepted := make(chan struct{})
	go func() {
		defer close(accepted)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			attempts++
		}
	}()
	for _, s := range saves {
		if r := <-s; !errors.Is(r.err, store.ErrUnavailable) {
			t.Errorf("got %v, want %v", r.err, store.ErrUnavailable)
		}
	}
	listener.Close()
	if <-accepted; attempts != 1 {
		t.Errorf("got %d attempts to connect, want 1", attempts)
	}
}

func TestCloseFinishesRunningSavesAndRefusesWaitingOnes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		closing, err := store.Open(db.URL, store.Committers(1))
		if err != nil {
			t.Fatal(err)
		}
		source := addSource(t, db.Store, "one")
		release := hold(t, db)
		taken := saving(t.Context(), closing, source.ID, benchmarkBatch(0, 1))
		until(t, "a committer has taken the first", func() bool {
			n, _ := closing.Pending()
			return n == 1 && closing.Waiting() == 0
		})
		waiting := saving(t.Context(), closing, source.ID, benchmarkBatch(1, 1))
		until(t, "the second waits", func() bool { return closing.Waiting() == 1 })
		closed := make(chan error, 1)
		go func() { closed <- closing.Close() }()
		if r := <-waiting; !errors.Is(r.err, store.ErrUnavailable) {
			t.Errorf("the second: got %v, want %v", r.err, store.ErrUnavailable)
		}
		release()
		if r := <-taken; r.err != nil || r.saved.Stored != 1 {
			t.Errorf("the first: got %+v, %v, want it stored", r.saved, r.err)
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
		if got := len(export(t, db.Store, store.NotificationFilter{})); got != 1 {
			t.Errorf("got %d notifications, want 1", got)
		}
	})
}

func TestCloseDoesNotWaitForADatabaseThatHangs(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		closing, err := store.Open(db.URL)
		if err != nil {
			t.Fatal(err)
		}
		source := addSource(t, db.Store, "one")
		defer hold(t, db)()
		stuck := saving(t.Context(), closing, source.ID, benchmarkBatch(0, 1))
		until(t, "the batch is in the queue", func() bool { n, _ := closing.Pending(); return n == 1 })
		started := time.Now()
		if err := closing.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(started); took > 10*time.Second {
			t.Errorf("it took %s", took)
		}
		if r := <-stuck; !errors.Is(r.err, store.ErrUnavailable) {
			t.Errorf("got %v, want %v", r.err, store.ErrUnavailable)
		}
	})
}

// Not parallel: it looks at the goroutines of the whole process.
func TestCommittersEndWhenNothingWaits(t *testing.T) {
	for _, driver := range drivers {
		t.Run(driver, func(t *testing.T) {
			db := storetest.New(t, driver).Store
			source := addSource(t, db, "one")
			var saves []<-chan result
			for i := range 50 {
				saves = append(saves, saving(t.Context(), db, source.ID, benchmarkBatch(i, 1)))
			}
			for _, s := range saves {
				if r := <-s; r.err != nil {
					t.Error(r.err)
				}
			}
			until(t, "there is no committer", func() bool {
				var stacks bytes.Buffer
				if err := pprof.Lookup("goroutine").WriteTo(&stacks, 1); err != nil {
					t.Fatal(err)
				}
				return !bytes.Contains(stacks.Bytes(), []byte("store.(*queue).work"))
			})
		})
	}
}

// All callers that wait are told soon that the server is gone. What was acked before is there when
// it is back.
func TestServerCrashUnderLoadLosesNothingThatWasSaved(t *testing.T) {
	t.Parallel()
	const savers, enough = 32, 200
	cluster := storetest.NewCluster(t, storetest.Options{Settings: map[string]string{"fsync": "on"}})
	db := storetest.Open(t, cluster.URL("postgres")).Store
	source := addSource(t, db, "one")
	acked := make(chan string, 1<<20)
	failed := make(chan error, savers)
	for i := range savers {
		go func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("04l%d-%d", i, n)
				in := store.Inbound{SourceID: source.ID, Batch: batchOf(entry(id, "{}")), ReceivedAt: now}
				if _, err := db.Save(t.Context(), in); err != nil {
					failed <- err
					return
				}
				acked <- id
			}
		}()
	}
	until(t, "enough is acked", func() bool { return len(acked) >= enough || len(failed) > 0 })
	if err := cluster.Stop(true); err != nil {
		t.Fatal(err)
	}
	stopped := time.Now()
	for range savers {
		if err := <-failed; !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("got %v, want %v", err, store.ErrUnavailable)
		}
	}
	if took := time.Since(stopped); took > 2*time.Second {
		t.Errorf("the last caller was told after %s", took)
	}
	if err := cluster.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	stored := map[string]bool{}
	for _, n := range export(t, db, store.NotificationFilter{}) {
		stored[n.NotificationID] = true
	}
	close(acked)
	for id := range acked {
		if !stored[id] {
			t.Errorf("%s was acked and is lost", id)
		}
	}
}
