package store_test

import (
	"database/sql"
	"encoding/json"
	"strings"
	"testing"
	"time"

	_ "github.com/lib/pq" // the driver "postgres"
	_ "modernc.org/sqlite"

	"ackbox/ledger"
	"ackbox/store"
	"ackbox/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

const organization = "00Dxx0000001gPLEAY"

var now = time.Date(2026, 11, 22, 1, 2, 3, 456789123, time.UTC)

// addSource adds a source that any organization may post to.
func addSource(tb testing.TB, db *store.Store, name string) store.Source {
	tb.Helper()
	name = strings.NewReplacer("/", ".", "#", "_").Replace(name)
	source, _, err := db.AddSource(tb.Context(), name, nil, now)
	if err != nil {
		tb.Fatal(err)
	}
	return source
}

// digestOf returns a different digest for each content, though not the decoder's.
func digestOf(content string) ledger.Digest { return ledger.DigestOf([]byte(content)) }

// entry returns an entry with an object type, a record id and fields.
func entry(id, fields string) ledger.Entry {
	objectType, recordID := "Lead", "00Qxx0000001gPLEAY"
	return ledger.Entry{
		ID: id, ObjectType: &objectType, RecordID: &recordID, Fields: json.RawMessage(fields),
		Digest: digestOf(fields),
	}
}

// batchOf returns a batch of [organization] with the entries.
func batchOf(entries ...ledger.Entry) *ledger.Batch {
	return &ledger.Batch{
		OrganizationID: organization, ActionID: "04kxx0000004C92AAE", Entries: entries,
	}
}

// save saves a batch that was received at a time.
func save(
	tb testing.TB, db *store.Store, source store.Source, batch *ledger.Batch, at time.Time,
) store.Saved {
	tb.Helper()
	in := store.Inbound{SourceID: source.ID, Batch: batch, ReceivedAt: at}
	saved, err := db.Save(tb.Context(), in)
	if err != nil {
		tb.Fatal(err)
	}
	return saved
}

// export returns the notifications that a filter selects.
func export(tb testing.TB, db *store.Store, filter store.NotificationFilter) []store.Notification {
	tb.Helper()
	var found []store.Notification
	err := db.Notifications(tb.Context(), filter, func(n store.Notification) error {
		found = append(found, n)
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return found
}

// openRaw opens a test's database without the store.
func openRaw(tb testing.TB, db *storetest.Database) *sql.DB {
	tb.Helper()
	path, isSQLite := strings.CutPrefix(db.URL, "sqlite:")
	driver, source := storetest.Postgres, db.URL+"&binary_parameters=yes"
	if !strings.Contains(db.URL, "?") {
		source = db.URL + "?binary_parameters=yes"
	}
	if isSQLite {
		driver, source = storetest.SQLite, path+"?_pragma=busy_timeout(5000)"+
			"&_pragma=synchronous(full)&_pragma=foreign_keys(1)&_txlock=immediate"
	}
	conn, err := sql.Open(driver, source)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	return conn
}
