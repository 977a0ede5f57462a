package store

import "strings"

// maxSQLiteRows keeps a statement under SQLite's limit of 32,766 variables.
const maxSQLiteRows = 1000

// insertSQLite returns one statement for every [maxSQLiteRows] rows.
func insertSQLite(rows []sortedRow) (inserts []statement) {
	for len(rows) > 0 {
		n := min(len(rows), maxSQLiteRows)
		inserts = append(inserts, valuesSQLite(rows[:n]))
		rows = rows[n:]
	}
	return inserts
}

func valuesSQLite(rows []sortedRow) statement {
	const values = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
	args := make([]any, 0, 15*len(rows))
	for _, r := range rows {
		args = r.arguments(args)
	}
	list := values + strings.Repeat(", "+values, len(rows)-1)
	return statement{insertInto + " values " + list + insertReturning, args}
}
