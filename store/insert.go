package store

import (
	"context"
	"strings"

	"github.com/jmoiron/sqlx"
)

// statement is an insert with its arguments, which share no memory with the rows.
type statement struct {
	sql  string
	args []any
}

// durable raises the transaction's synchronous_commit to on, where a role, a database or a URL has set it lower: only
// then is the commit on disk when it returns. As a part of the insert it costs no round trip.
const durable = `
	(select set_config('synchronous_commit', case current_setting('synchronous_commit')
		when 'remote_apply' then 'remote_apply' else 'on' end, true)) is not null`

// insertPostgresRows takes a column as one array: its text, which is to be parsed and planned, does not grow with the
// rows. They are inserted in their order.
const insertPostgresRows = insertInto + `
	select * from unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::text[],
		$8::text[], $9::json[], $10::timestamptz[])
	where` + durable + insertReturning

// insertPostgres makes one statement for all rows.
func (s *Store) insertPostgres(rows []row) []statement {
	n := len(rows)
	sources, organizations, suffixes := newArray(oidInt4, n), newArray(oidText, n), newArray(oidText, n)
	actions, notifications, digests := newArray(oidText, n), newArray(oidText, n), newArray(oidBytea, n)
	types, records := newArray(oidText, n), newArray(oidText, n)
	fields, times := newArray(oidJSON, n), newArray(oidTimestamptz, n)
	for i := range rows {
		r := &rows[i]
		sources.int4(r.sourceID)
		organizations.text(r.organization)
		suffixes.text(r.organizationSuffix)
		actions.text(r.actionID)
		notifications.text(r.notificationID)
		digests.bytes(r.digest[:])
		types.textOrNull(r.objectType)
		records.textOrNull(r.recordID)
		fields.bytes(r.fields)
		times.timestamp(r.receivedAt)
	}
	return []statement{{insertPostgresRows, []any{
		sources.value, organizations.value, suffixes.value, actions.value, notifications.value, digests.value,
		types.value, records.value, fields.value, times.value,
	}}}
}

// maxSQLiteRows keeps a statement of SQLite under its limit of 32,766 variables.
const maxSQLiteRows = 1000

// insertSQLite makes a statement for every so many rows.
func (s *Store) insertSQLite(rows []row) (inserts []statement) {
	for len(rows) > 0 {
		n := min(len(rows), maxSQLiteRows)
		inserts = append(inserts, valuesSQLite(rows[:n]))
		rows = rows[n:]
	}
	return inserts
}

func valuesSQLite(rows []row) statement {
	const values = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
	args := make([]any, 0, 10*len(rows))
	for i := range rows {
		r := &rows[i]
		args = append(args, r.sourceID, r.organization, r.organizationSuffix, r.actionID, r.notificationID, r.digest[:],
			r.objectType, r.recordID, textOrNull(r.fields), timestamp{r.receivedAt})
	}
	sql := insertInto + " values " + values + strings.Repeat(", "+values, len(rows)-1) + insertReturning
	return statement{sql, args}
}

// textOrNull is for SQLite, to which bytes are not text.
func textOrNull(text []byte) any {
	if text == nil {
		return nil
	}
	return string(text)
}

// insertAll runs the statements and gathers the rows that they added.
func insertAll(ctx context.Context, tx *sqlx.Tx, inserts []statement) (fresh []freshRow, err error) {
	for _, insert := range inserts {
		if fresh, err = insertSome(ctx, tx, insert, fresh); err != nil {
			return nil, err
		}
	}
	return fresh, nil
}

func insertSome(ctx context.Context, tx *sqlx.Tx, insert statement, fresh []freshRow) ([]freshRow, error) {
	rows, err := tx.QueryContext(ctx, insert.sql, insert.args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r freshRow
		if err := rows.Scan(&r.id, &r.sourceID, &r.organization, &r.notificationID, &r.known); err != nil {
			return nil, err
		}
		fresh = append(fresh, r)
	}
	return fresh, rows.Err()
}

// tally counts what became of so many rows. A statement of PostgreSQL does not see what itself has inserted, so an
// identity that is fresh twice is found here.
func tally(rows int, fresh []freshRow) Saved {
	saved := Saved{Duplicates: rows - len(fresh)}
	seen := make(map[identity]bool, len(fresh))
	for _, r := range fresh {
		if r.known || seen[r.identity] {
			saved.Revisions++
		} else {
			saved.Stored++
		}
		seen[r.identity] = true
	}
	return saved
}
