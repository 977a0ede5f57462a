package e2e_test

import (
	"database/sql"
	"os"
	"strings"
	"testing"

	_ "github.com/lib/pq" // the driver "postgres"
)

// requireNoSecrets checks that no session id, token or payload is where it must not be.
func (s *server) requireNoSecrets(database string, tokens ...string) {
	s.tb.Helper()
	dumped := dump(s.tb, database)
	if !strings.Contains(dumped, fieldMarker) {
		s.tb.Error("the dump of the database does not hold what was stored")
	}
	log := s.stderr.String()
	refusals := s.ok("refusals") + s.ok("refusals", "--json")
	places := map[string]string{"the log": log, "the refusals": refusals, "stdout": s.stdout.String()}
	for place, text := range places {
		for _, secret := range append(tokens, "SessionMarker", fieldMarker, tokenMarker) {
			if strings.Contains(text, secret) {
				s.tb.Errorf("%s is in %s", secret, place)
			}
		}
	}
	for _, secret := range append(tokens, "SessionMarker", tokenMarker) {
		if strings.Contains(dumped, secret) {
			s.tb.Errorf("%s is in the database", secret)
		}
	}
}

// dump returns all that a database holds: the bytes of the files of SQLite, or the rows of the
// tables of PostgreSQL.
func dump(tb testing.TB, database string) string {
	tb.Helper()
	var text strings.Builder
	if path, ok := strings.CutPrefix(database, "sqlite:"); ok {
		for _, suffix := range []string{"", "-wal"} {
			data, err := os.ReadFile(path + suffix)
			if err != nil {
				tb.Fatal(err)
			}
			text.Write(data)
		}
		return text.String()
	}
	db, err := sql.Open("postgres", database)
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	tables := column(tb, db, `
		select table_name from information_schema.tables where table_schema = 'public'`)
	for _, table := range tables {
		for _, row := range column(tb, db, `select t::text from "`+table+`" t`) {
			text.WriteString(row + "\n")
		}
	}
	return text.String()
}

func column(tb testing.TB, db *sql.DB, query string) []string {
	tb.Helper()
	rows, err := db.Query(query)
	if err != nil {
		tb.Fatal(err)
	}
	defer rows.Close()
	var values []string
	for rows.Next() {
		var value string
		if err := rows.Scan(&value); err != nil {
			tb.Fatal(err)
		}
		values = append(values, value)
	}
	if err := rows.Err(); err != nil {
		tb.Fatal(err)
	}
	return values
}
