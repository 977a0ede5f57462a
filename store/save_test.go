package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"ackbox/ledger"
	"ackbox/store"
	"ackbox/store/storetest"
)

func TestSaveKeepsEverythingAsSent(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "eu")
		full := entry("04l1",
			`{"Id":"00Q","b":1.0E7,"a":-0.10,  "a b":null,"é":"\u00e9 ü 💡","x":{"y":["",true]}}`)
		recordless := ledger.Entry{ID: "04l2", Digest: digestOf("none")}
		untyped := ledger.Entry{ID: "04l3", ObjectType: new(string), Fields: json.RawMessage(`{}`)}
		batch := batchOf(full, recordless, untyped)
		got := save(t, db.Store, source, batch, now)
		if want := (store.Saved{Stored: 3}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		base := store.Notification{
			Source: "eu", OrganizationID: batch.OrganizationID, ActionID: batch.ActionID, Revision: 1,
			ReceivedAt: time.Date(2026, 11, 22, 1, 2, 3, 456789000, time.UTC),
		}
		want := []store.Notification{base, base, base}
		for i, n := range batch.Entries {
			want[i].ID, want[i].NotificationID = int64(i+1), n.ID
			want[i].ObjectType, want[i].RecordID, want[i].Fields = n.ObjectType, n.RecordID, n.Fields
			want[i].Digest = n.Digest
		}
		if diff := cmp.Diff(want, export(t, db.Store, store.NotificationFilter{})); diff != "" {
			t.Errorf("stored (-want +got):\n%s", diff)
		}
	})
}

func TestSaveAddsOnlyWhatIsNew(t *testing.T) {
	t.Parallel()
	a1, a2, a3 := entry("04lA", `{"n":1}`), entry("04lA", `{"n":2}`), entry("04lA", `{"n":3}`)
	b, c := entry("04lB", `{"n":1}`), entry("04lC", `{"n":1}`)
	odd := func(organization string, n ledger.Entry) *ledger.Batch {
		return &ledger.Batch{OrganizationID: organization, Entries: []ledger.Entry{n}}
	}
	steps := []struct {
		name  string
		batch *ledger.Batch
		want  store.Saved
	}{
		{"new", batchOf(a1, b), store.Saved{Stored: 2}},
		{"sent again", batchOf(a1, b), store.Saved{Duplicates: 2}},
		{"sent again in other batches", batchOf(b), store.Saved{Duplicates: 1}},
		{"with a new one", batchOf(c, a1), store.Saved{Stored: 1, Duplicates: 1}},
		{"other content", batchOf(a2), store.Saved{Revisions: 1}},
		{"the old content again", batchOf(a1), store.Saved{Duplicates: 1}},
		{"the newer content again", batchOf(a2, a1), store.Saved{Duplicates: 2}},
		{"three times in a batch", batchOf(a3, a3, a3), store.Saved{Revisions: 1, Duplicates: 2}},
		{"the short id of the organization", odd(organization[:15], a1), store.Saved{Duplicates: 1}},
		{"another organization", odd("00Dxx0000009999EAA", a1), store.Saved{Stored: 1}},
		{"an odd organization", odd("00Dxx0000001gPL-AY", a1), store.Saved{Stored: 1}},
		{"another action", &ledger.Batch{
			OrganizationID: organization, ActionID: "other", Entries: []ledger.Entry{a1},
		}, store.Saved{Duplicates: 1}},
		{"nothing", batchOf(), store.Saved{}},
	}
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source, other := addSource(t, db.Store, "one"), addSource(t, db.Store, "other")
		for _, step := range steps {
			if got := save(t, db.Store, source, step.batch, now); got != step.want {
				t.Errorf("%s: got %+v, want %+v", step.name, got, step.want)
			}
		}
		got, want := save(t, db.Store, other, batchOf(a1), now), store.Saved{Stored: 1}
		if got != want {
			t.Errorf("another source: got %+v, want %+v", got, want)
		}
		found := export(t, db.Store, store.NotificationFilter{Source: "one"})
		if got, want := len(found), 7; got != want {
			t.Errorf("got %d notifications, want %d", got, want)
		}
	})
}

func TestRevisionsAreNumberedInTheOrderSent(t *testing.T) {
	t.Parallel()
	const contents = 20
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		var all []ledger.Entry
		for i := range contents {
			all = append(all, entry("04lA", fmt.Sprint(i)), entry("04lB", fmt.Sprint(i)))
		}
		got := save(t, db.Store, source, batchOf(all...), now)
		if want := (store.Saved{Stored: 2, Revisions: 2*contents - 2}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		for _, n := range export(t, db.Store, store.NotificationFilter{}) {
			if want := fmt.Sprint(n.Revision - 1); string(n.Fields) != want {
				t.Errorf("revision %d of %s: got %s, want %s", n.Revision, n.NotificationID, n.Fields, want)
			}
		}
	})
}

func TestSaveOfManyRows(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		batch := benchmarkBatch(0, 2500)
		got, want := save(t, db.Store, source, batch, now), store.Saved{Stored: 2500}
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		got, want = save(t, db.Store, source, batch, now), store.Saved{Duplicates: 2500}
		if got != want {
			t.Errorf("again: got %+v, want %+v", got, want)
		}
	})
}

// Saves that share notifications in different orders deadlock on PostgreSQL unless they are sorted.
func TestConcurrentSavesStoreEachNotificationOnce(t *testing.T) {
	t.Parallel()
	const savers, rounds, size = 8, 10, 41
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		group, ctx := errgroup.WithContext(t.Context())
		counts := make([]store.Saved, savers)
		for i := range savers {
			group.Go(func() error {
				for round := range rounds {
					in := store.Inbound{SourceID: source.ID, Batch: overlapping(i, round, size), ReceivedAt: now}
					saved, err := db.Store.Save(ctx, in)
					if err != nil {
						return err
					}
					counts[i].Stored += saved.Stored + saved.Revisions
					counts[i].Duplicates += saved.Duplicates
				}
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		var total store.Saved
		for _, c := range counts {
			total.Stored, total.Duplicates = total.Stored+c.Stored, total.Duplicates+c.Duplicates
		}
		const fresh = rounds * size * 2
		want := store.Saved{Stored: fresh, Duplicates: (savers - 1) * fresh}
		if total != want {
			t.Errorf("got %+v, want %+v", total, want)
		}
		requireDistinct(t, export(t, db.Store, store.NotificationFilter{}), fresh)
	})
}

// overlapping returns the batch of a round, with two contents of each id. It differs between savers
// only in its order.
func overlapping(saver, round, size int) *ledger.Batch {
	var all []ledger.Entry
	for i := range 2 * size {
		n := (i*(2*saver+1) + saver) % (2 * size) // a permutation, as size is prime
		all = append(all, entry(fmt.Sprintf("04l%03d", round*size+n/2), fmt.Sprint(n%2)))
	}
	return batchOf(all...)
}

// requireDistinct checks that there are as many notifications as wanted, each content once and each
// revision once.
func requireDistinct(t *testing.T, found []store.Notification, want int) {
	t.Helper()
	seen := map[string]bool{}
	for _, n := range found {
		seen[n.NotificationID+" "+string(n.Fields)] = true
		seen[fmt.Sprint(n.NotificationID, " revision ", n.Revision)] = true
	}
	if len(found) != want || len(seen) != 2*want {
		t.Errorf("got %d notifications, %d contents and revisions, want %d and %d",
			len(found), len(seen), want, 2*want)
	}
}

func TestSaveForUnknownSourceFails(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		in := store.Inbound{SourceID: 99, Batch: batchOf(entry("04l", "{}")), ReceivedAt: now}
		if _, err := db.Store.Save(t.Context(), in); err == nil || errors.Is(err, store.ErrUnavailable) {
			t.Errorf("got %v, want an error of its own", err)
		}
	})
}

// PostgreSQL accepts neither NUL nor bytes that are not UTF-8. The decoder refuses both. If one
// gets past it, the error must not look like an outage, and nothing of the batch may be stored.
func TestSaveOfTextThatPostgreSQLRefuses(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.Postgres)
	source := addSource(t, db.Store, "one")
	for _, id := range []string{"a\x00b", "a\xffb"} {
		in := store.Inbound{
			SourceID: source.ID, Batch: batchOf(entry("ok", "{}"), entry(id, "{}")), ReceivedAt: now,
		}
		if _, err := db.Store.Save(t.Context(), in); err == nil || errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%q: got %v, want an error of its own", id, err)
		}
	}
	if got := export(t, db.Store, store.NotificationFilter{}); len(got) != 0 {
		t.Errorf("got %d notifications, want none", len(got))
	}
}

func TestSaveRaisesSynchronousCommit(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"off": "on", "local": "on", "remote_write": "on", "on": "on", "remote_apply": "remote_apply",
	} {
		t.Run(given, func(t *testing.T) {
			t.Parallel()
			url := storetest.URL(t, storetest.Postgres)
			raw := openRaw(t, &storetest.Database{URL: url})
			_, err := raw.Exec(`do $$ begin
				execute 'alter database ' || current_database() || ' set synchronous_commit = ` + given + `'; end $$`)
			if err != nil {
				t.Fatal(err)
			}
			db := storetest.Open(t, url)
			_, err = raw.Exec(`
				create table seen (setting text);
				create function see() returns trigger language plpgsql as $$
					begin insert into seen values (current_setting('synchronous_commit')); return null; end $$;
				create trigger see after insert on notifications for each statement execute function see()`)
			if err != nil {
				t.Fatal(err)
			}
			save(t, db.Store, addSource(t, db.Store, "one"), batchOf(entry("04l", "{}")), now)
			var got string
			if err := raw.QueryRow("select setting from seen").Scan(&got); err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestSaveUnderCanceledContext(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		in := store.Inbound{SourceID: source.ID, Batch: batchOf(entry("04l", "{}")), ReceivedAt: now}
		_, err := db.Store.Save(ctx, in)
		if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want unavailable, canceled", err)
		}
	})
}
