package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
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

// The columns that came with the ledger, as the statements that insert name them. On SQLite an
// outbound message has only one of them.
var ledgerColumns = map[string]*strings.Replacer{
	driverPostgres: strings.NewReplacer(`, intake, operation,
			covers, changed_at, header`, "",
		`, $11::smallint[], $12::text[],
		$13::smallint[], $14::timestamptz[], $15::json[]`, ""),
	driverSQLite: strings.NewReplacer(", changed_at)", ")", "(?, ?", "(?"),
}

// Insert returns the statement that inserts a batch of 100 entries, with its arguments, and the same
// without the columns that came with the ledger.
func (s *Store) Insert(in Inbound) (with, without string, argsWith, argsWithout []any) {
	const columnsBefore = 10
	columns := 15
	if s.driver == driverSQLite {
		columns = columnsBefore + 1
	}
	insert := s.statements(sortedRows([]*pending{newPending(newRows(in), nil)}))[0]
	for i, arg := range insert.args {
		if i%columns < columnsBefore {
			argsWithout = append(argsWithout, arg)
		}
	}
	return insert.text, ledgerColumns[s.driver].Replace(insert.text), insert.args, argsWithout
}

// PreparedInserts returns how many inserts the connection that writes to SQLite has prepared.
func (s *Store) PreparedInserts(ctx context.Context) (n int, err error) {
	err = s.onSQLiteWriter(ctx, func(conn *sqliteConn) error {
		n = len(conn.inserts)
		return nil
	})
	return n, err
}

// DropSQLiteWriter makes the pool drop the connection that writes to SQLite.
func (s *Store) DropSQLiteWriter(ctx context.Context) error {
	err := s.onSQLiteWriter(ctx, func(*sqliteConn) error { return driver.ErrBadConn })
	if errors.Is(err, driver.ErrBadConn) {
		return nil
	}
	return err
}

func (s *Store) onSQLiteWriter(ctx context.Context, do func(*sqliteConn) error) error {
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(conn any) error { return do(conn.(*sqliteConn)) })
}

// Connection is the only connection of a store's pool.
type Connection struct{ conn *pgConn }

// OnlyConnection limits the pool to one connection and returns it.
func (s *Store) OnlyConnection(ctx context.Context) (c Connection, err error) {
	s.write.SetMaxOpenConns(1)
	err = s.onConnection(ctx, s.write, func(conn *sqlx.Conn) error {
		return conn.Raw(func(conn any) error {
			c.conn = conn.(*pgConn)
			return nil
		})
	})
	return c, err
}

// PretendDirect makes the connection prepare inserts, as if no pooler were there.
func (c Connection) PretendDirect() {
	byText := map[string]driver.StmtQueryContext{}
	c.conn.prepared = preparedInserts{byText: byText, planned: time.Now().Add(time.Hour)}
}

// AgePlans makes the plans of the prepared inserts too old.
func (c Connection) AgePlans() { c.conn.prepared.planned = time.Time{} }

// Prepared returns how many inserts are prepared, 0 if none is from now on.
func (c Connection) Prepared() int {
	if c.conn.prepared.off {
		return 0
	}
	return len(c.conn.prepared.byText)
}

// Query returns the rows of a query of one column.
func (s *Store) Query(ctx context.Context, query string) (rows []string, err error) {
	err = s.write.SelectContext(ctx, &rows, query)
	return rows, err
}

// InsertAllocations returns how many allocations the arguments of an insert of a batch take, when
// another one was executed before.
func InsertAllocations(in Inbound) float64 {
	rows := sortedRows([]*pending{newPending(newRows(in), nil)})
	return testing.AllocsPerRun(100, func() { recycle(insertPostgres(rows)) })
}
