package store

// insertPostgresRows takes each column as one array: its text, which must be parsed and planned,
// does not grow with the number of rows. The rows are inserted in their order.
const insertPostgresRows = insertInto + `
	select * from unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[],
		$7::text[], $8::text[], $9::json[], $10::timestamptz[], $11::smallint[], $12::text[],
		$13::smallint[], $14::timestamptz[], $15::json[])
	where` + durable + insertReturning

// insertPostgresRow inserts one row. It is planned in half the time that the arrays take.
const insertPostgresRow = insertInto + `
	select $1::integer, $2::text, $3::text, $4::text, $5::text, $6::bytea, $7::text, $8::text,
		$9::json, $10::timestamptz, $11::smallint, $12::text, $13::smallint, $14::timestamptz,
		$15::json
	where` + durable + insertReturning

// insertPostgres returns one statement for all rows.
func insertPostgres(rows []sortedRow) []statement {
	n := len(rows)
	if n == 1 {
		return []statement{{insertPostgresRow, rows[0].arguments(nil)}}
	}
	sources, organizations := newArray(oidInt4, n), newArray(oidText, n)
	suffixes, actions := newArray(oidText, n), newArray(oidText, n)
	notifications, digests := newArray(oidText, n), newArray(oidBytea, n)
	types, records := newArray(oidText, n), newArray(oidText, n)
	fields, times := newArray(oidJSON, n), newArray(oidTimestamptz, n)
	intakes, operations := newArray(oidInt2, n), newArray(oidText, n)
	covers, changes, headers := newArray(oidInt2, n), newArray(oidTimestamptz, n), newArray(oidJSON, n)
	for _, r := range rows {
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
		intakes.int2(int16(r.intake))
		operations.textOrNull(r.operation)
		covers.int2(int16(r.covers))
		changes.timestampOrNull(r.changedAt)
		headers.bytes(r.header)
	}
	return []statement{{insertPostgresRows, []any{
		sources.value, organizations.value, suffixes.value, actions.value, notifications.value,
		digests.value, types.value, records.value, fields.value, times.value,
		intakes.value, operations.value, covers.value, changes.value, headers.value,
	}}}
}
