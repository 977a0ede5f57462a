package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"ackbox/store/storetest"
)

// seedBatch is how many notifications are stored in one transaction.
const seedBatch = 250_000

// seedFields are the fields of a stored Lead, about as long as those of ackbox send. Each # is
// replaced by the number of the notification.
const seedFields = `{"Id":"00QS10000000000AAA","AnnualRevenue":4.1674186E7,"City":"Boston","Company":"Trading #",` +
	`"Country":"United States","CreatedDate":"2026-01-01T08:15:30.000Z","Description":"Called twice and left a message. ` +
	`Très intéressé, à rappeler lundi. Reference #.","Email":"anna.weiss#@trading.example","FirstName":"Anna",` +
	`"IsConverted":false,"LastModifiedDate":"2026-01-01T08:15:30.000Z","LastName":"Smith","LeadSource":"Phone Inquiry",` +
	`"OwnerId":"005S10TG6qJSts9IGD","Phone":"+1 960 #","Status":"New","SystemModstamp":"2026-01-01T08:15:30.000Z"}`

// The statements store the notifications with the numbers $1 to $2 and the fields $3. The ids
// increase, as those of an organization do.
const (
	seedColumns = `insert into notifications (received_at, source_id, digest, organization,
		organization_suffix, notification_id, action_id, object_type, record_id, fields)`
	seedPostgres = seedColumns + `
		select '2026-01-01T08:15:31Z', (select min(id) from sources), decode(md5(n::text), 'hex'),
			'00DS10000004acK', 'MAQ', '04lS10' || lpad(n::text, 9, '0') || 'AAA', '04kS1000000X1u5IAC', 'Lead',
			'00QS10' || lpad(n::text, 9, '0') || 'AAA', replace($3::text, '#', n::text)::json
		from generate_series($1::bigint, $2::bigint) as n`
	seedSQLite = seedColumns + `
		with recursive numbers(n) as (select $1 union all select n + 1 from numbers where n < $2)
		select '2026-01-01T08:15:31.000000Z', (select min(id) from sources), randomblob(16),
			'00DS10000004acK', 'MAQ', '04lS10' || printf('%09d', n) || 'AAA', '04kS1000000X1u5IAC', 'Lead',
			'00QS10' || printf('%09d', n) || 'AAA', replace($3, '#', n)
		from numbers`
)

// seed stores notifications in a database that has the schema and a source.
func (d *databases) seed(ctx context.Context, db *database, l load) (err error) {
	driver, dataSource := storetest.Postgres, db.url
	statement, after := seedPostgres, "vacuum analyze notifications"
	if path, ok := strings.CutPrefix(db.url, "sqlite:"); ok {
		driver, dataSource = storetest.SQLite, "file:"+path
		statement, after = seedSQLite, "pragma wal_checkpoint(truncate)"
	}
	pool, err := sql.Open(driver, dataSource)
	if err != nil {
		return err
	}
	defer pool.Close()
	for from := 1; from <= l.stored; from += seedBatch {
		to := min(from+seedBatch-1, l.stored)
		if _, err := pool.ExecContext(ctx, statement, from, to, seedFields); err != nil {
			return err
		}
		d.logf("%s: %s of %s notifications stored", l.database, count(to), count(l.stored))
	}
	if _, err := pool.ExecContext(ctx, after); err != nil {
		return fmt.Errorf("%s: %w", after, err)
	}
	return nil
}
