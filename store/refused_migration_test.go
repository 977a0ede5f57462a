package store_test

import (
	"database/sql"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What was reported before there was a column for it is known by its status.
func TestMigrateTellsReportsFromRefusals(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, driver, url string, conn *sql.DB) {
		gooseUpIn(t, "ackbox_schema_version", driver, conn, oldMigrations(driver), 3)
		_, err := conn.Exec(`
			insert into refusals (refused_at, status, line, col, size, cause, detail, request_id, remote_addr) values
				('2026-11-22T01:02:03.000000Z', 200, 0, 0, 0, 'address', '', '', ''),
				('2026-11-22T01:02:03.000000Z', 400, 0, 0, 0, 'shape', '', '', '');
			insert into refusal_counts (day, source, cause, status, process, refusals) values
				('2026-11-22', 'crm', 'address', 200, 'p', 1), ('2026-11-22', 'crm', 'shape', 400, 'p', 1)`)
		if err != nil {
			t.Fatal(err)
		}
		if err := migrate(t, url); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"refusals", "refusal_counts"} {
			got := texts(t, conn, "select cause from "+table+" where reported order by cause")
			if diff := cmp.Diff([]string{"address"}, got); diff != "" {
				t.Errorf("reported in %s (-want +got):\n%s", table, diff)
			}
		}
	})
}
