package store_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"ackbox/soap"
	"ackbox/store"
	"ackbox/store/storetest"
)

// BenchmarkSave compares Save with an INSERT for each notification, in one transaction for each message, on servers
// that sync to disk.
func BenchmarkSave(b *testing.B) {
	for _, driver := range []string{storetest.SQLite, storetest.Postgres} {
		url := benchmarkURL(b, driver)
		for _, size := range []int{1, 100} {
			b.Run(fmt.Sprintf("%s/%d/save", driver, size), func(b *testing.B) { benchmarkSave(b, url, size) })
			b.Run(fmt.Sprintf("%s/%d/rows", driver, size), func(b *testing.B) { benchmarkRows(b, url, size) })
		}
	}
}

// benchmarkURL gives a database that keeps what it commits, unlike those of the tests.
func benchmarkURL(b *testing.B, driver string) string {
	if driver == storetest.SQLite {
		return storetest.URL(b, driver)
	}
	settings := map[string]string{"fsync": "on", "shared_buffers": "256MB"}
	return storetest.NewCluster(b, storetest.Options{Settings: settings}).URL("postgres")
}

func benchmarkSave(b *testing.B, url string, size int) {
	db := storetest.Open(b, url)
	source := addSource(b, db.Store, b.Name())
	for i := 0; b.Loop(); i++ {
		in := store.Inbound{SourceID: source.ID, Message: benchmarkMessage(i*size, size), ReceivedAt: now}
		if saved, err := db.Store.Save(b.Context(), in); err != nil || saved.Stored != size {
			b.Fatal(saved, err)
		}
	}
	b.ReportMetric(float64(size*b.N)/b.Elapsed().Seconds(), "notifications/s")
}

func benchmarkRows(b *testing.B, url string, size int) {
	db := storetest.Open(b, url)
	source := addSource(b, db.Store, b.Name())
	conn := openRaw(b, db)
	for i := 0; b.Loop(); i++ {
		if err := insertRows(conn, source.ID, benchmarkMessage(i*size, size)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(size*b.N)/b.Elapsed().Seconds(), "notifications/s")
}

// insertRows is what Save is not: a row at a time.
func insertRows(conn *sql.DB, sourceID int64, message *soap.Message) error {
	tx, err := conn.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, n := range message.Notifications {
		_, err := tx.Exec(`
			insert into notifications (source_id, organization, organization_suffix, action_id, notification_id, digest,
				object_type, record_id, fields, received_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
			on conflict (source_id, organization, notification_id, digest) do nothing`,
			sourceID, message.OrganizationID[:15], message.OrganizationID[15:], message.ActionID, n.ID, n.Digest[:],
			n.ObjectType, n.RecordID, string(n.Fields), now.Format("2006-01-02T15:04:05.000000Z"))
		if err != nil {
			return err
		}
	}
	return tx.Commit()
}

// benchmarkMessage is a message of notifications with about 500 bytes of fields each.
func benchmarkMessage(from, size int) *soap.Message {
	message := &soap.Message{OrganizationID: organization, ActionID: "04kxx0000004C92AAE"}
	objectType := "Lead"
	for i := from; i < from+size; i++ {
		recordID := fmt.Sprintf("00Qxx%010dAAA", i)
		fields := fmt.Sprintf(`{"Id":%q,"Company":"Company %d","AnnualRevenue":%d.0,"Description":%q}`, recordID, i, i,
			strings.Repeat("Lorem ipsum ", 35))
		message.Notifications = append(message.Notifications, soap.Notification{
			ID: fmt.Sprintf("04lxx%010dAAA", i), ObjectType: &objectType, RecordID: &recordID,
			Fields: []byte(fields), Digest: digestOf(fields),
		})
	}
	return message
}
