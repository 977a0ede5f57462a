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

// insertPostgres returns one statement for all rows. When it was executed and its arguments are no
// longer in use, [recycle] keeps their memory for another one.
func insertPostgres(rows []sortedRow) []statement {
	if len(rows) == 1 {
		return []statement{{insertPostgresRow, rows[0].arguments(nil)}}
	}
	a := newArrays(arraySize(rows))
	column := func(elementType uint32, add func(r *row)) {
		a.begin(elementType, len(rows))
		for _, r := range rows {
			add(r.row)
		}
	}
	column(oidInt4, func(r *row) { a.int4(r.sourceID) })
	column(oidText, func(r *row) { a.text(r.organization) })
	column(oidText, func(r *row) { a.text(r.organizationSuffix) })
	column(oidText, func(r *row) { a.text(r.actionID) })
	column(oidText, func(r *row) { a.text(r.notificationID) })
	column(oidBytea, func(r *row) { a.bytes(r.digest[:]) })
	column(oidText, func(r *row) { a.textOrNull(r.objectType) })
	column(oidText, func(r *row) { a.textOrNull(r.recordID) })
	column(oidJSON, func(r *row) { a.bytes(r.fields) })
	column(oidTimestamptz, func(r *row) { a.timestamp(r.receivedAt) })
	column(oidInt2, func(r *row) { a.int2(int16(r.intake)) })
	column(oidText, func(r *row) { a.textOrNull(r.operation) })
	column(oidInt2, func(r *row) { a.int2(int16(r.covers)) })
	column(oidTimestamptz, func(r *row) { a.timestampOrNull(r.changedAt) })
	column(oidJSON, func(r *row) { a.bytes(r.header) })
	return []statement{{insertPostgresRows, a.values()}}
}

// arraySize returns at least how many bytes the arrays of rows take: beside its texts, a row takes
// 15 lengths, a digest and six numbers, 116 bytes, which is less than rowOverhead.
func arraySize(rows []sortedRow) (size int) {
	const columns = 15
	for i := range rows {
		size += int(rows[i].size())
	}
	return size + columns*arrayHeader
}

// recycle keeps the memory of arguments. Nothing may use the statements any more.
func recycle(inserts []statement) {
	for _, insert := range inserts {
		if insert.text == insertPostgresRows {
			recycleArrays(insert.args)
		}
	}
}
