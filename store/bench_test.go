package store_test

import (
	"crypto/rand"
	"database/sql"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"ackbox/ledger"
	"ackbox/store"
	"ackbox/store/storetest"
)

// BenchmarkSave compares concurrent calls of Save with one INSERT per notification and one
// transaction per batch, on servers that sync to disk.
func BenchmarkSave(b *testing.B) {
	for _, driver := range drivers {
		url := benchmarkURL(b, driver)
		for _, concurrency := range []int{1, 16, 64} {
			for _, size := range []int{1, 100} {
				name := fmt.Sprintf("%s/concurrency=%d/notifications=%d", driver, concurrency, size)
				w := workload{url, concurrency, size}
				b.Run(name+"/rows", func(b *testing.B) { w.run(b, w.rows) })
				b.Run(name+"/save", func(b *testing.B) { w.run(b, w.save) })
			}
		}
	}
}

// benchmarkURL returns the URL of a database that syncs what it commits, unlike those of the tests.
func benchmarkURL(b *testing.B, driver string) string {
	if driver == storetest.SQLite {
		return storetest.URL(b, driver)
	}
	settings := map[string]string{"fsync": "on", "shared_buffers": "256MB"}
	return storetest.NewCluster(b, storetest.Options{Settings: settings}).URL("postgres")
}

// workload is a load of batches of one size from concurrent senders.
type workload struct {
	url               string
	concurrency, size int
}

// run stores b.N batches with the function that way returns.
func (w workload) run(b *testing.B, way func(b *testing.B) func(*ledger.Batch) error) {
	store := way(b)
	var next atomic.Int64
	group, _ := errgroup.WithContext(b.Context())
	b.ResetTimer()
	for range w.concurrency {
		group.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= b.N {
					return nil
				}
				if err := store(benchmarkBatch(i*w.size, w.size)); err != nil {
					return err
				}
			}
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	b.ReportMetric(float64(w.size*b.N)/b.Elapsed().Seconds(), "notifications/s")
}

func (w workload) save(b *testing.B) func(*ledger.Batch) error {
	db := storetest.Open(b, w.url).Store
	source := addSource(b, db, "bench-"+rand.Text())
	return func(batch *ledger.Batch) error {
		in := store.Inbound{SourceID: source.ID, Batch: batch, ReceivedAt: now}
		saved, err := db.Save(b.Context(), in)
		if err == nil && saved.Stored != w.size {
			err = fmt.Errorf("got %+v, want %d stored", saved, w.size)
		}
		return err
	}
}

func (w workload) rows(b *testing.B) func(*ledger.Batch) error {
	db := storetest.Open(b, w.url)
	source := addSource(b, db.Store, "bench-"+rand.Text())
	conn := openRaw(b, db)
	conn.SetMaxIdleConns(w.concurrency)
	if db.Store.Driver() == storetest.SQLite {
		conn.SetMaxOpenConns(1) // queueing in Go is fastest
	}
	return func(batch *ledger.Batch) error { return insertRows(conn, source.ID, batch) }
}

// insertRows stores a batch in a transaction of its own, unlike Save.
func insertRows(conn *sql.DB, sourceID int64, batch *ledger.Batch) error {
	tx, err := conn.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := insertEach(tx, sourceID, batch); err != nil {
		return err
	}
	return tx.Commit()
}

// insertEach inserts one row at a time.
func insertEach(tx *sql.Tx, sourceID int64, batch *ledger.Batch) error {
	for _, n := range batch.Entries {
		_, err := tx.Exec(`
			insert into notifications (source_id, organization, organization_suffix, action_id,
				notification_id, digest, object_type, record_id, fields, received_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
			on conflict (source_id, organization, notification_id, digest) do nothing`,
			sourceID, batch.OrganizationID[:15], batch.OrganizationID[15:], batch.ActionID, n.ID,
			n.Digest[:], n.ObjectType, n.RecordID, string(n.Fields),
			now.Format("2006-01-02T15:04:05.000000Z"))
		if err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkLedgerColumns measures what the columns that came with the ledger add to the time of an
// insert: the metric "x" is the time with them divided by that without. Both take turns, on a
// database each, and commit batches of 100.
func BenchmarkLedgerColumns(b *testing.B) {
	for _, driver := range drivers {
		b.Run(driver, func(b *testing.B) {
			db, before := storetest.New(b, driver), storetest.New(b, driver)
			source, conn := addSource(b, db.Store, "one"), openRaw(b, db)
			addSource(b, before.Store, "one")
			connBefore := openRaw(b, before)
			for _, column := range []string{"intake", "operation", "covers", "changed_at", "header"} {
				execAll(b, connBefore, "alter table notifications drop column "+column)
			}
			var with, without time.Duration
			for i := 0; b.Loop(); i++ {
				batch := benchmarkBatch(100*i, 100)
				text, textBefore, args, argsBefore := db.Store.Insert(store.Inbound{
					SourceID: source.ID, Batch: batch, ReceivedAt: now,
				})
				insertBefore := func() { without += timeOf(b, connBefore, textBefore, argsBefore) }
				if i%2 == 0 {
					insertBefore()
				}
				with += timeOf(b, conn, text, args)
				if i%2 == 1 {
					insertBefore()
				}
			}
			b.ReportMetric(float64(with)/float64(without), "x")
		})
	}
}

// timeOf executes an insert of 100 rows and returns how long it took.
func timeOf(b *testing.B, conn *sql.DB, statement string, args []any) time.Duration {
	b.Helper()
	started := time.Now()
	result, err := conn.Exec(statement, args...)
	took := time.Since(started)
	if err != nil {
		b.Fatal(err)
	}
	if rows, err := result.RowsAffected(); err != nil || rows != 100 {
		b.Fatalf("got %d rows, %v, want 100", rows, err)
	}
	return took
}

var benchmarkFields = `","Company":"Company","AnnualRevenue":1.0E7,"Description":"` +
	strings.Repeat("Lorem ipsum ", 35) + `"}`

// benchmarkBatch returns a batch of entries with about 500 bytes of fields each.
func benchmarkBatch(from, size int) *ledger.Batch {
	batch := &ledger.Batch{OrganizationID: organization, ActionID: "04kxx0000004C92AAE"}
	objectType := "Lead"
	for i := from; i < from+size; i++ {
		recordID := fmt.Sprintf("00Qxx%010dAAA", i)
		fields := `{"Id":"` + recordID + benchmarkFields
		batch.Entries = append(batch.Entries, ledger.Entry{
			ID: fmt.Sprintf("04lxx%010dAAA", i), ObjectType: &objectType, RecordID: &recordID,
			Fields: []byte(fields), Digest: digestOf(fields),
		})
	}
	return batch
}
