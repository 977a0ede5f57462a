package store

import (
	"slices"
	"strings"

	"ackbox/ledger"
)

// sqliteSizes are the numbers of rows for which there is a statement, the largest first. Parsing a
// statement takes longer than inserting its rows, so a connection prepares each of these once, and
// the rows of a group are divided among them. More than 100 rows in a statement save nothing.
var sqliteSizes = [...]int{100, 50, 20, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1}

// The columns of a row on SQLite. Outbound messages have only the defaults in the others, and each
// value of a row has its cost, even null.
const (
	sqliteColumns = `source_id, organization, organization_suffix, action_id, notification_id, digest,
			object_type, record_id, fields, received_at, changed_at`
	sqliteColumnsBesides = `, intake, operation, covers, header`
)

// sqliteTexts are the statements without and with the columns besides, by their number of rows.
var sqliteTexts = [2]map[int]string{
	sqliteTextsOf(sqliteColumns), sqliteTextsOf(sqliteColumns + sqliteColumnsBesides),
}

func sqliteTextsOf(columns string) map[int]string {
	texts := make(map[int]string, len(sqliteSizes))
	row := ", (?" + strings.Repeat(", ?", strings.Count(columns, ",")) + ")"
	for _, n := range sqliteSizes {
		values := strings.TrimPrefix(strings.Repeat(row, n), ", ")
		texts[n] = "insert into notifications (" + columns + ") values " + values + insertReturning
	}
	return texts
}

// isSQLiteInsert reports whether a connection keeps the statement prepared.
func isSQLiteInsert(text string) bool { return sqliteInserts[text] }

var sqliteInserts = func() map[string]bool {
	inserts := map[string]bool{}
	for _, texts := range sqliteTexts {
		for _, text := range texts {
			inserts[text] = true
		}
	}
	return inserts
}()

// insertSQLite returns the statements that insert the rows in their order.
func insertSQLite(rows []sortedRow) (inserts []statement) {
	for len(rows) > 0 {
		n := sqliteSizes[slices.IndexFunc(sqliteSizes[:], func(n int) bool { return n <= len(rows) })]
		inserts = append(inserts, valuesSQLite(rows[:n]))
		rows = rows[n:]
	}
	return inserts
}

func valuesSQLite(rows []sortedRow) statement {
	texts, besides := sqliteTexts[0], slices.ContainsFunc(rows, hasBesides)
	if besides {
		texts = sqliteTexts[1]
	}
	args := make([]any, 0, 15*len(rows))
	for _, r := range rows {
		args = append(args, r.sourceID, r.organization, r.organizationSuffix, r.actionID,
			r.notificationID, r.digest[:], stringOrNull(r.objectType), stringOrNull(r.recordID),
			textOrNull(r.fields), ledger.FormatTime(micros(r.receivedAt)), timestampOrNull(r.changedAt))
		if besides {
			args = append(args, int64(r.intake), stringOrNull(r.operation), int64(r.covers),
				textOrNull(r.header))
		}
	}
	return statement{texts[len(rows)], args}
}

// hasBesides reports whether the row has more than the defaults in [sqliteColumnsBesides].
func hasBesides(r sortedRow) bool {
	return r.intake != 0 || r.operation != nil || r.covers != 0 || r.header != nil
}

// stringOrNull returns the argument for a column of text. The driver takes it as it is, while
// database/sql finds by reflection what a pointer leads to.
func stringOrNull(s *string) any {
	if s == nil {
		return nil
	}
	return *s
}
