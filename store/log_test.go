package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ackbox/store"
	"ackbox/store/storetest"
)

// logWriter adds notifications in transactions of its own, as a committer does, but slowly, and
// rolls some of them back.
type logWriter struct {
	db     *storetest.Database
	source store.Source
	next   atomic.Int64
}

// write runs a transaction that lasts at least for a time. A tenth of the notifications are so old
// that they may be pruned.
func (w *logWriter) write(conn *sql.DB, lasts time.Duration, commit bool) error {
	tx, err := conn.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	size := 1 + rand.IntN(5)
	end := w.next.Add(int64(size))
	if err := insertEach(tx, w.source.ID, benchmarkBatch(int(end)-size, size)); err != nil {
		return err
	}
	if rand.IntN(10) == 0 {
		_, err = tx.Exec(`update notifications set received_at = '2020-01-02T03:04:05.000000Z'
			where notification_id = $1`, fmt.Sprintf("04lxx%010dAAA", end-1))
		if err != nil {
			return err
		}
	}
	<-time.After(lasts)
	if !commit {
		return nil
	}
	return tx.Commit()
}

// writeAll runs ten writers for a time, each after the other on SQLite, and one transaction that
// stays open for seconds, while notifications are pruned. It returns when all have ended.
func (w *logWriter) writeAll(t *testing.T, duration time.Duration) {
	t.Helper()
	conn := openRaw(t, w.db)
	most := 5 * time.Millisecond
	if w.db.Store.Driver() == storetest.SQLite {
		conn.SetMaxOpenConns(1)
		most = 100 * time.Microsecond
	}
	var writers sync.WaitGroup
	end := time.Now().Add(duration)
	repeat := func(do func() error) {
		writers.Go(func() {
			for time.Now().Before(end) {
				if err := do(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 10 {
		repeat(func() error { return w.write(conn, rand.N(most), rand.IntN(5) > 0) })
	}
	writers.Go(func() {
		if err := w.write(conn, duration*3/4, true); err != nil {
			t.Error(err)
		}
	})
	repeat(func() error {
		_, err := w.db.Store.Prune(t.Context(), now, store.Retention{OlderThan: store.MinRetention}, nil)
		return err
	})
	writers.Wait()
}

// follow reads until stopped is closed and nothing is left, and returns how often it saw each id.
func follow(
	t *testing.T, stopped <-chan struct{}, read func(after int64) (ids []int64, next int64, more bool),
) (seen map[int64]int) {
	t.Helper()
	seen = map[int64]int{}
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for after, last := int64(0), false; ; {
		ids, next, more := read(after)
		for _, id := range ids {
			seen[id]++
		}
		if next < after {
			t.Errorf("the cursor went from %d back to %d", after, next)
			return seen
		}
		after = next
		if more {
			continue
		}
		if last {
			return seen
		}
		select {
		case <-stopped:
			last = true
		case <-ticker.C:
		}
	}
}

func idsOf(notifications []store.Notification) (ids []int64) {
	for _, n := range notifications {
		ids = append(ids, n.ID)
	}
	return ids
}

// missed counts the stored notifications that were not seen, and fails for those that were seen twice.
func missed(t *testing.T, db *store.Store, seen map[int64]int) (n int) {
	t.Helper()
	for id, times := range seen {
		if times > 1 {
			t.Errorf("notification %d was read %d times", id, times)
		}
	}
	stored := idsOf(export(t, db, store.NotificationFilter{}))
	if len(stored) == 0 {
		t.Error("nothing is stored")
	}
	return len(slices.DeleteFunc(stored, func(id int64) bool { return seen[id] > 0 }))
}

// Readers miss nothing, whatever the order in which transactions commit. A reader that only
// remembers the highest id does, on PostgreSQL: otherwise this test would show nothing.
func TestLogMissesNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		w := &logWriter{db: db, source: addSource(t, db.Store, "one")}
		raw, reader := openRaw(t, db), newLogReader(t, db.Store.NotificationLog())
		stopped := make(chan struct{})
		var readers sync.WaitGroup
		var seen, naive map[int64]int
		readers.Go(func() {
			seen = follow(t, stopped, func(after int64) ([]int64, int64, bool) {
				page, err := reader.Read(t.Context(), after, 100)
				if err != nil {
					t.Error(err)
				}
				return idsOf(page.Notifications), page.Next, page.More
			})
		})
		readers.Go(func() {
			naive = follow(t, stopped, func(after int64) ([]int64, int64, bool) {
				ids := idsAfter(t, raw, after)
				if len(ids) == 0 {
					return nil, after, false
				}
				return ids, ids[len(ids)-1], true
			})
		})
		w.writeAll(t, 3*time.Second)
		close(stopped)
		readers.Wait()
		if n := missed(t, db.Store, seen); n > 0 {
			t.Errorf("%d of %d notifications are missing", n, len(seen)+n)
		}
		n := missed(t, db.Store, naive)
		t.Logf("read %d; the highest id alone missed %d", len(seen), n)
		if n == 0 && db.Store.Driver() == storetest.Postgres {
			t.Error("the highest id alone missed nothing, want a load in which it does")
		}
	})
}

func newLogReader(t *testing.T, log *store.NotificationLog) *store.LogReader {
	t.Helper()
	reader, err := log.Reader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return reader
}

// idsAfter returns the next ids by a query, whatever may still become visible.
func idsAfter(t *testing.T, raw *sql.DB, after int64) (ids []int64) {
	t.Helper()
	rows, err := raw.Query(`select id from notifications where id > $1 order by id limit 100`, after)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			t.Error(err)
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		t.Error(err)
	}
	return ids
}

// The safe end waits for the transactions that may add below it, says for which, and for no others.
func TestLogWaitsForOpenInserts(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.Postgres)
	source, raw := addSource(t, db.Store, "one"), openRaw(t, db)
	log := db.Store.NotificationLog()
	reader := newLogReader(t, log)
	read := func() []int64 {
		t.Helper()
		page, err := reader.Read(t.Context(), 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		return idsOf(page.Notifications)
	}
	open, err := raw.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer open.Rollback()
	if err := insertEach(open, source.ID, benchmarkBatch(0, 1)); err != nil {
		t.Fatal(err)
	}
	var pid int64
	if err := open.QueryRow(`select pg_backend_pid()`).Scan(&pid); err != nil {
		t.Fatal(err)
	}
	save(t, db.Store, source, benchmarkBatch(1, 1), now)
	for range 3 {
		if got := read(); len(got) > 0 {
			t.Fatalf("got %v while an insert is open, want nothing", got)
		}
	}
	hold, ok := log.Hold()
	if !ok || !slices.Equal(hold.PIDs, []int64{pid}) || time.Since(hold.Since) > time.Minute {
		t.Errorf("got the hold %+v, %t, want the process %d", hold, ok, pid)
	}
	later, err := raw.Begin() // after the look: its ids are above that
	if err != nil {
		t.Fatal(err)
	}
	defer later.Rollback()
	if err := insertEach(later, source.ID, benchmarkBatch(2, 1)); err != nil {
		t.Fatal(err)
	}
	if err := open.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := read(); len(got) != 2 {
		t.Errorf("got %v, want both", got)
	}
}

func TestLogNeedsTheSequence(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.Postgres)
	role := "reader_" + strings.ToLower(fmt.Sprint(rand.Uint64()))
	raw := openRaw(t, db)
	execAll(t, raw, `create role `+role+` login`,
		`grant select, insert, update, delete on all tables in schema public to `+role)
	t.Cleanup(func() {
		execAll(t, openRaw(t, db), `drop owned by `+role, `drop role `+role)
	})
	limited := storetest.Open(t, strings.Replace(db.URL, "postgres@", role+"@", 1))
	_, err := limited.Store.NotificationLog().Reader(t.Context())
	want := `grant select on sequence public.notifications_id_seq to "` + role + `"`
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Fatalf("got %v, want %s", err, want)
	}
	execAll(t, raw, strings.TrimSpace(want))
	if _, err := limited.Store.NotificationLog().Reader(t.Context()); err != nil {
		t.Error(err)
	}
}

// After a failover to a standby that had not received everything, ids are drawn again: a reader must
// begin with the cursor that the new server has.
func TestLogAfterAFailoverThatTakesIDsBack(t *testing.T) {
	t.Parallel()
	primary := storetest.NewCluster(t, storetest.Options{})
	standby := primary.NewStandby(t)
	db := storetest.Open(t, fmt.Sprintf("postgres://postgres@/postgres?sslmode=disable&"+
		"host=127.0.0.1,127.0.0.1&port=%d,%d&target_session_attrs=read-write",
		primary.Port(), standby.Port()))
	source := addSource(t, db.Store, "one")
	log := db.Store.NotificationLog()
	reader := newLogReader(t, log)
	save(t, db.Store, source, benchmarkBatch(0, 10), now)
	before := readAll(t, reader, 0)
	if len(before) != 10 {
		t.Fatalf("got %d, want 10", len(before))
	}
	d := addDestination(t, db.Store, "erp", 0)
	lease := take(t, db.Store, d.ID, true)
	if err := db.Store.Settle(t.Context(), lease, store.Settlement{Cursor: 10}); err != nil {
		t.Fatal(err)
	}

	old := openRaw(t, &storetest.Database{URL: primary.URL("postgres")})
	execAll(t, old, `alter system set synchronous_standby_names = ''`, `select pg_reload_conf()`)
	stop(t, standby, true)
	save(t, db.Store, source, benchmarkBatch(1000, 500), now)
	if got := readAll(t, reader, 10); len(got) != 500 {
		t.Fatalf("got %d, want 500", len(got))
	}
	stop(t, primary, true)
	if err := standby.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	execAll(t, openRaw(t, &storetest.Database{URL: standby.URL("postgres")}), `select pg_promote()`)

	raw := openRaw(t, db)
	var tx *sql.Tx
	until(t, "the new server takes writes", func() (ok bool) {
		var err error
		tx, err = raw.Begin()
		return err == nil
	})
	defer tx.Rollback()
	if err := insertEach(tx, source.ID, benchmarkBatch(5000, 5)); err != nil {
		t.Fatal(err)
	}
	saveSoon(t, db.Store, source, 6000, 1000) // past the ids that were read before
	if _, err := reader.Read(t.Context(), 510, 100); !errors.Is(err, store.ErrLogRestarted) {
		t.Errorf("got %v, want %v", err, store.ErrLogRestarted)
	}
	// The new server knows the lease. The cursor of its owner would pass ids that are drawn again.
	err := db.Store.Settle(t.Context(), lease, store.Settlement{Cursor: 510})
	if !errors.Is(err, store.ErrLeaseLost) {
		t.Errorf("settle: got %v, want %v", err, store.ErrLeaseLost)
	}
	take(t, db.Store, d.ID, true)
	if d, err := db.Store.Destination(t.Context(), "erp"); err != nil || d.Progress.Cursor != 10 {
		t.Errorf("got the cursor %d, %v, want 10", d.Progress.Cursor, err)
	}
	reader = newLogReader(t, log)
	if got := readAll(t, reader, 10); len(got) != 0 {
		t.Errorf("got %d while ids are drawn again, want none", len(got))
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, reader, 10); len(got) != 1005 {
		t.Errorf("got %d, want 1005", len(got))
	}
}

func stop(t *testing.T, cluster *storetest.Cluster, immediate bool) {
	t.Helper()
	if err := cluster.Stop(immediate); err != nil {
		t.Fatal(err)
	}
}

// saveSoon saves a batch as soon as the database takes it.
func saveSoon(t *testing.T, db *store.Store, source store.Source, from, size int) {
	t.Helper()
	in := store.Inbound{SourceID: source.ID, Batch: benchmarkBatch(from, size), ReceivedAt: now}
	until(t, "the database takes a batch", func() bool {
		_, err := db.Save(context.WithoutCancel(t.Context()), in)
		return err == nil
	})
}

// readAll reads what follows an id until no more can be read at once.
func readAll(t *testing.T, reader *store.LogReader, after int64) (all []store.Notification) {
	t.Helper()
	for {
		page, err := reader.Read(t.Context(), after, 100)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Notifications...)
		if after = page.Next; !page.More {
			return all
		}
	}
}
