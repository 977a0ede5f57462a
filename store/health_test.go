package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"ackbox/store"
	"ackbox/store/storetest"
)

// requireProblem checks what Health says; "" means that batches can be saved.
func requireProblem(t *testing.T, db *store.Store, want string) {
	t.Helper()
	health, err := db.Health(t.Context())
	if health.Problem != want || (err == nil) != (want == "") {
		t.Errorf("got the problem %q, %v, want %q", health.Problem, err, want)
	}
}

// heartbeats returns the times of the heartbeats of a database.
func heartbeats(t *testing.T, raw *sql.DB) []string {
	t.Helper()
	return texts(t, raw, `select cast(written_at as text) from heartbeats`)
}

func TestHealthWritesOncePerFiveSeconds(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		raw := openRaw(t, db)
		var first []string
		for range 50 {
			requireProblem(t, db.Store, "")
			first = append(first, heartbeats(t, raw)...)
		}
		if first[0] != first[49] || len(first) != 50 {
			t.Errorf("got the heartbeats %q, want one", first)
		}
		db.Store.ForgetLastWrite()
		requireProblem(t, db.Store, "")
		if got := heartbeats(t, raw); len(got) != 1 || got[0] == first[0] {
			t.Errorf("got %q after 5 seconds, want a write in place of %q", got, first[0])
		}
	})
}

func TestSaveAnswersForHealth(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		raw, source := openRaw(t, db), addSource(t, db.Store, "one")
		save(t, db.Store, source, benchmarkBatch(0, 1), now)
		in := store.Inbound{SourceID: source.ID + 1, Batch: benchmarkBatch(1, 1), ReceivedAt: now}
		if _, err := db.Store.Save(t.Context(), in); err == nil { // the batch's own fault
			t.Error("got no error for a source that does not exist")
		}
		requireProblem(t, db.Store, "")
		if got := heartbeats(t, raw); len(got) != 0 {
			t.Errorf("got %q after a save, want no heartbeat", got)
		}
		db.Store.ForgetLastWrite()
		save(t, db.Store, source, benchmarkBatch(0, 1), now) // a duplicate, for which nothing is written
		requireProblem(t, db.Store, "")
		if got := heartbeats(t, raw); len(got) != 1 {
			t.Errorf("got %q after a duplicate, want a heartbeat", got)
		}
	})
}

// The answer is that of the last save, for 5 seconds, and then that of a write as large as the save.
func TestFailedSaveAnswersForHealth(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, storetest.URL(t, storetest.Postgres))
	raw, source := openRaw(t, db), addSource(t, db.Store, "one")
	execAll(t, raw, `
		create function full_disk() returns trigger language plpgsql as $$
		begin
			raise exception 'no space left' using errcode = '53100';
		end $$`, `
		create trigger full_disk before insert on notifications for each statement
		execute function full_disk()`)
	in := store.Inbound{SourceID: source.ID, Batch: benchmarkBatch(0, 100), ReceivedAt: now}
	if _, err := db.Store.Save(t.Context(), in); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v, want %v", err, store.ErrUnavailable)
	}
	for range 3 {
		requireProblem(t, db.Store, "the disk of the database is full")
	}
	db.Store.ForgetLastWrite()
	requireProblem(t, db.Store, "")
	var size int
	err := raw.QueryRow(`select length(ballast) from heartbeats`).Scan(&size)
	if err != nil || size < 30_000 {
		t.Errorf("got a heartbeat of %d bytes, %v, want the size of the batch", size, err)
	}
	db.Store.ForgetLastWrite()
	requireProblem(t, db.Store, "")
	if err := raw.QueryRow(`select length(ballast) from heartbeats`).Scan(&size); err != nil || size != 0 {
		t.Errorf("got a heartbeat of %d bytes, %v, want a small one", size, err)
	}
}

// A caller that leaves says nothing about the database.
func TestSaveWhoseCallerLeftIsNoProblem(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		release := hold(t, db)
		ctx, leave := context.WithCancel(t.Context())
		saved := saving(ctx, db.Store, source.ID, benchmarkBatch(0, 1))
		until(t, "a committer has taken the batch", func() bool {
			batches, _ := db.Store.Pending()
			return batches == 1 && db.Store.Waiting() == 0
		})
		leave()
		<-saved
		until(t, "the committer has given up", func() bool { n, _ := db.Store.Pending(); return n == 0 })
		release()
		requireProblem(t, db.Store, "")
	})
}

func TestHealthOfAReadOnlyServer(t *testing.T) {
	t.Parallel()
	cluster := storetest.NewCluster(t, storetest.Options{})
	db := storetest.Open(t, cluster.URL("postgres"))
	raw := openRaw(t, db)
	requireProblem(t, db.Store, "")
	makeReadOnly(t, raw)
	db.Store.ForgetLastWrite()
	health, err := db.Store.Health(t.Context())
	if !errors.Is(err, store.ErrUnavailable) || !health.Answers ||
		health.Problem != "the database is read-only" || health.Have != health.Want {
		t.Errorf("got %+v, %v, want it to be read-only", health, err)
	}
}

// While a server hangs, Health does not wait longer than its caller.
func TestHealthOfAServerThatHangs(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.Postgres)
	tx, err := openRaw(t, db).Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.Exec(`lock table heartbeats`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	health, err := db.Store.Health(ctx)
	if err == nil || health.Problem != "the database does not answer in time" || !health.Answers {
		t.Errorf("got %+v, %v, want a timeout", health, err)
	}
}

func TestHealthOfFilesThatAreGone(t *testing.T) {
	t.Parallel()
	eachFileChange(t, func(t *testing.T, db *storetest.Database, path string, change func() error) {
		requireProblem(t, db.Store, "")
		if err := change(); err != nil {
			t.Fatal(err)
		}
		_, err := db.Store.Health(t.Context())
		requireMoved(t, err, path)
		requireProblem(t, db.Store, "a file of the database was removed or replaced")
	})
}

func TestHealthOfASchemaThatIsMissing(t *testing.T) {
	t.Parallel()
	for _, driver := range drivers {
		url := storetest.URL(t, driver)
		if path, isSQLite := strings.CutPrefix(url, "sqlite:"); isSQLite {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		db, err := store.Open(url)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		health, err := db.Health(t.Context())
		if err != nil || !strings.Contains(health.Problem, `run "ackbox migrate"`) {
			t.Errorf("%s: got %+v, %v, want a problem", driver, health, err)
		}
	}
}

// Rows of processes that are gone are removed some time.
func TestOldHeartbeatsAreRemoved(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		raw, none := openRaw(t, db), "''"
		if db.Store.Driver() == storetest.SQLite {
			none = "x''"
		}
		for name, age := range map[string]time.Duration{"old": 25 * time.Hour, "new": time.Hour} {
			execAll(t, raw, fmt.Sprintf(`insert into heartbeats values ('%s', '%s', %s)`, name,
				time.Now().Add(-age).UTC().Format("2006-01-02T15:04:05.000000Z"), none))
		}
		requireProblem(t, db.Store, "")
		got := texts(t, raw, `select process from heartbeats`)
		if len(got) != 2 || strings.Contains(strings.Join(got, " "), "old") {
			t.Errorf("got the heartbeats of %q, want that of new and another", got)
		}
	})
}

// In a database of another encoding, some texts would be refused again and again.
func TestDatabaseWithoutUTF8IsRefused(t *testing.T) {
	t.Parallel()
	cluster := storetest.NewCluster(t, storetest.Options{})
	raw := openRaw(t, &storetest.Database{URL: cluster.URL("postgres")})
	for _, encoding := range []string{"LATIN1", "SQL_ASCII"} {
		execAll(t, raw, `create database `+encoding+` encoding '`+encoding+`' template template0`)
		db, err := store.Open(cluster.URL(strings.ToLower(encoding)))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		err = db.Migrate(t.Context())
		if err == nil || !strings.Contains(err.Error(), encoding) ||
			!strings.Contains(err.Error(), "create database NAME encoding 'UTF8' template template0") {
			t.Errorf("%s: got %v, want how to create another", encoding, err)
		}
		health, err := db.Health(t.Context())
		if err == nil || health.Problem != "the encoding of the database is not UTF8" || !health.Answers {
			t.Errorf("%s: got %+v, %v", encoding, health, err)
		}
	}
}

// What was committed without the standby is not acked when it comes again, until it is there.
func TestDuplicateOfWhatIsNotReplicatedIsNotAcked(t *testing.T) {
	t.Parallel()
	cluster := storetest.NewCluster(t, storetest.Options{})
	db := storetest.Open(t, cluster.URL("postgres"))
	raw, source := openRaw(t, db), addSource(t, db.Store, "one")
	awaitStandby(t, raw, "missing")
	in := store.Inbound{SourceID: source.ID, ReceivedAt: now}
	saved := saveWithoutStandby(t, db.Store, raw, &in)
	execAll(t, raw, cancelReplication)
	<-saved
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if got, err := db.Store.Save(ctx, in); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %+v, %v, want %v", got, err, store.ErrUnavailable)
	}
	awaitStandby(t, raw, "")
	if got := save(t, db.Store, source, in.Batch, now); got.Duplicates != 3 {
		t.Errorf("got %+v, want 3 duplicates", got)
	}
}
