package store_test

import (
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbox/store"
	"ackbox/store/storetest"
)

// numbered returns the identities and revisions of an export, in its order.
func numbered(all []store.Notification) (list []string) {
	for _, n := range all {
		list = append(list, fmt.Sprintf("%s %d", n.NotificationID, n.Revision))
	}
	return list
}

func TestRevisionsAreRanksWhateverTheFilterAndThePage(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source, other := addSource(t, db.Store, "one"), addSource(t, db.Store, "other")
		saveMixed(t, db.Store, source, other)
		one := store.NotificationFilter{Source: "one"}
		all := export(t, db.Store, one)
		var want, contacts []string
		revisions := map[string]int{}
		for _, n := range all {
			revisions[n.NotificationID]++
			text := fmt.Sprintf("%s %d", n.NotificationID, revisions[n.NotificationID])
			want = append(want, text)
			if *n.ObjectType == "Contact" {
				contacts = append(contacts, text)
			}
		}
		if len(want) != 6000 || len(contacts) != 1200 || revisions["04lmany"] < 4000 {
			t.Fatalf("got %d notifications, %d of contacts, %d of one", len(want), len(contacts),
				revisions["04lmany"])
		}
		requireSame(t, "all", want, numbered(all))
		filter := one
		filter.After = all[3210].ID
		requireSame(t, "after", want[3211:], numbered(export(t, db.Store, filter)))
		filter = one
		filter.Since = now.Add(5 * time.Hour)
		requireSame(t, "since", want[2500:], numbered(export(t, db.Store, filter)))
		filter = one
		filter.Object = "Contact"
		requireSame(t, "object", contacts, numbered(export(t, db.Store, filter)))
	})
}

// saveMixed saves 6000 notifications of the source in an hour's distance of 500 each, of which 4000
// have one identity and 500 another, and every fifth is a Contact; and some of the former identity
// for another source.
func saveMixed(t *testing.T, db *store.Store, source, other store.Source) {
	t.Helper()
	for i := range 12 {
		batch := benchmarkBatch(1000*i, 500)
		for j := range batch.Entries {
			e := &batch.Entries[j]
			e.Digest = digestOf(fmt.Sprint(i, j))
			switch {
			case j%3 < 2:
				e.ID = "04lmany"
			case j%12 == 2:
				e.ID = "04lsome"
			}
			if j%5 == 0 {
				e.ObjectType = new("Contact")
			}
		}
		at := now.Add(time.Duration(i) * time.Hour)
		save(t, db, source, batch, at)
		save(t, db, other, batchOf(entry("04lmany", fmt.Sprint(i))), at)
	}
}

func requireSame(t *testing.T, name string, want, got []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: got %d notifications, want %d", name, len(got), len(want))
	}
	for i := range min(len(want), len(got)) {
		if got[i] != want[i] {
			t.Errorf("%s: got %s at %d, want %s", name, got[i], i, want[i])
			return
		}
	}
}

// PostgreSQL gives out ids before the commit: an earlier revision may become visible during an
// export.
func TestRevisionThatBecomesVisibleDuringAnExport(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.Postgres)
	source := addSource(t, db.Store, "one")
	saveRevisions(t, db.Store, source, 2500, 1<<20, now)
	late, err := openRaw(t, db).Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer late.Rollback()
	if err := insertEach(late, source.ID, batchOf(entry("04lxx0000000000AAA", "{}"))); err != nil {
		t.Fatal(err)
	}
	batch := benchmarkBatch(0, 500)
	for i := range batch.Entries {
		batch.Entries[i].ID = "04lxx0000000000AAA"
		batch.Entries[i].Digest = digestOf(fmt.Sprint("more", i))
	}
	save(t, db.Store, source, batch, now)
	var got, want []int
	err = db.Store.Notifications(t.Context(), store.NotificationFilter{}, func(n store.Notification) error {
		got, want = append(got, n.Revision), append(want, len(want)+1)
		if len(got) == 1500 {
			return late.Commit()
		}
		return nil
	})
	if err != nil || len(got) != 3001 {
		t.Errorf("got %d notifications, %v, want 3001", len(got), err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("revisions (-want +got):\n%s", diff)
	}
}

// Whoever may post may post many revisions of one notification: what an export and a prune do for
// each must not grow with their number. PostgreSQL counts the rows that it reads.
func TestWorkIsLinearInTheRevisionsOfANotification(t *testing.T) {
	t.Parallel()
	const revisions, perRow = 20_000, 25
	db := storetest.New(t, storetest.Postgres)
	source := addSource(t, db.Store, "one")
	saveRevisions(t, db.Store, source, revisions, revisions, now.Add(-100*time.Hour))
	requireRowsRead(t, db, "export", revisions*perRow, func(s *store.Store) {
		if got := len(export(t, s, store.NotificationFilter{})); got != revisions {
			t.Errorf("got %d notifications, want %d", got, revisions)
		}
	})
	save(t, db.Store, source, batchOf(entry("04lxx0000000000AAA", "{}")), now)
	requireRowsRead(t, db, "prune that keeps all", revisions*perRow, func(s *store.Store) {
		got, err := s.Prune(t.Context(), now, store.Retention{OlderThan: store.MinRetention}, nil)
		if err != nil || got != 0 {
			t.Errorf("got %d, %v, want 0", got, err)
		}
	})
	requireRowsRead(t, db, "prune", revisions*perRow, func(s *store.Store) {
		later := now.Add(100 * time.Hour)
		got, err := s.Prune(t.Context(), later, store.Retention{OlderThan: store.MinRetention}, nil)
		if err != nil || got != revisions+1 {
			t.Errorf("got %d, %v, want %d", got, err, revisions+1)
		}
	})
}

// requireRowsRead fails unless do reads at most so many rows of notifications through a store of its
// own, whose connections have reported what they did once they are closed.
func requireRowsRead(
	t *testing.T, db *storetest.Database, what string, most int64, do func(s *store.Store),
) {
	t.Helper()
	raw := openRaw(t, db)
	before := rowsRead(t, raw)
	s, err := store.Open(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	do(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var after int64
	until(t, "the rows are counted", func() bool {
		last := after
		after = rowsRead(t, raw)
		return after > before && after == last
	})
	t.Logf("%s: %d rows", what, after-before)
	if got := after - before; got > most {
		t.Errorf("%s: got %d rows read, want at most %d", what, got, most)
	}
}

func rowsRead(t *testing.T, raw *sql.DB) (n int64) {
	t.Helper()
	err := raw.QueryRow(`
		select t.seq_tup_read + (
			select sum(i.idx_tup_read) from pg_stat_user_indexes i where i.relname = t.relname)
		from pg_stat_user_tables t where t.relname = 'notifications'`).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// SQLite counts nothing, so that this compares times: ten times as many revisions take a hundred
// times as long when each is compared with all, and some fifteen times otherwise.
func TestTimeIsNotQuadraticInTheRevisionsOnSQLite(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.SQLite).Store
	few, many := addSource(t, db, "few"), addSource(t, db, "many")
	saveRevisions(t, db, few, 1000, 1000, now)
	saveRevisions(t, db, many, 10_000, 10_000, now)
	took := func(source store.Source) time.Duration {
		started := time.Now()
		export(t, db, store.NotificationFilter{Source: source.Name})
		return time.Since(started)
	}
	var ratio float64
	for range 3 { // the machine may be busy with something else
		slowest := max(took(few), took(few), took(few))
		if ratio = took(many).Seconds() / slowest.Seconds(); ratio < 50 {
			return
		}
	}
	t.Errorf("10,000 revisions took %.0f times as long as 1,000", ratio)
}
