package store

import (
	"strings"

	"github.com/lib/pq"
)

const MaxRefusals = maxRefusals

var SameOrganization = sameOrganization

// PostgresConfig returns the configuration of a URL: its effect shows only with another machine.
func PostgresConfig(url string) (pq.Config, error) {
	config, _, err := postgresConfig(url)
	return config, err
}

// Waiting returns how many batches no committer has taken yet, for tests that build a group.
func (s *Store) Waiting() int {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	return len(s.queue.waiting)
}

// Pending returns how many batches, of how many bytes, have not been answered yet.
func (s *Store) Pending() (batches int, bytes int64) {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	return s.queue.pending, s.queue.bytes
}

// ForgetLastWrite makes the outcome of the last write too old to count.
func (s *Store) ForgetLastWrite() {
	s.lastWrite.mu.Lock()
	defer s.lastWrite.mu.Unlock()
	s.lastWrite.at = s.lastWrite.at.Add(-maxWriteAge)
}

// The columns that came with the ledger, as the statements that insert name them.
var ledgerColumns = strings.NewReplacer(`, intake, operation,
			covers, changed_at, header`, "",
	`, $11::smallint[], $12::text[],
		$13::smallint[], $14::timestamptz[], $15::json[]`, "", "(?, ?, ?, ?, ?, ?", "(?")

// Insert returns the statement that inserts a batch of 2 to 1000 entries, with its arguments, and
// the same without the columns that came with the ledger.
func (s *Store) Insert(in Inbound) (with, without string, argsWith, argsWithout []any) {
	const columns, columnsBefore = 15, 10
	insert := s.statements(sortedRows([]*pending{newPending(newRows(in), nil)}))[0]
	for i, arg := range insert.args {
		if i%columns < columnsBefore {
			argsWithout = append(argsWithout, arg)
		}
	}
	return insert.text, ledgerColumns.Replace(insert.text), insert.args, argsWithout
}
