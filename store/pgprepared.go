package store

import (
	"bytes"
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"ackbox/ledger"
)

// A connection prepares the inserts that run without a transaction, which saves PostgreSQL a third
// of its CPU time for a single row. lib/pq names prepared statements by a counter of each
// connection. A pooler such as PgBouncer in transaction mode may pass the name on to another
// connection of the server, where it is the statement of another client: if that returns no rows,
// an insert that was never run looks like one of duplicates. So:
//
//   - only a connection without a pooler prepares (isDirect);
//   - what a prepared insert answers is believed only if the answer contains a row that was sent
//     with it. Otherwise the insert is executed again, unprepared, which is always safe;
//   - an error that shows that a prepared statement is not what it should be ends the use of
//     prepared statements on the connection.

// preparedInserts are the inserts that a connection has prepared.
type preparedInserts struct {
	off     bool                               // whether the connection prepares nothing
	byText  map[string]driver.StmtQueryContext // nil until it is known whether it may
	planned time.Time                          // when the statements were planned, or earlier
}

// maxPlanAge is how long the plan of a prepared insert is used. PostgreSQL itself keeps it until the
// table is analyzed, which autovacuum may do a minute late. A plan that was made for a table of a few
// pages has no use for an index: it reads the whole table for each row, however large it has become.
const maxPlanAge = time.Second

// errNotBelieved means that a prepared insert must be executed again, unprepared.
var errNotBelieved = errors.New("the answer is not that of the insert")

// prepare returns a query as a prepared insert, or nil if it is to be executed unprepared. Its errors
// mean that nothing was executed.
func (c *pgConn) prepare(ctx context.Context, query string) (driver.StmtQueryContext, error) {
	p := &c.prepared
	isInsert := query == insertPostgresRow || query == insertPostgresRows
	if !isInsert || p.off || c.inTx { // an error would end the transaction
		return nil, nil
	}
	if err := c.mayPrepare(ctx); err != nil || p.off {
		return nil, err
	}
	if prepared := p.byText[query]; prepared != nil {
		return prepared, nil
	}
	prepared, err := c.PrepareContext(ctx, query)
	if isNotPrepared(err) {
		p.off = true
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p.byText[query] = prepared.(driver.StmtQueryContext)
	return p.byText[query], nil
}

// mayPrepare turns prepared inserts off unless the connection is direct, and discards plans that are
// too old.
func (c *pgConn) mayPrepare(ctx context.Context) (err error) {
	p := &c.prepared
	if p.byText == nil {
		var direct bool
		direct, err = c.isDirect(ctx)
		p.off = !direct
		p.byText, p.planned = map[string]driver.StmtQueryContext{}, time.Now()
	} else if time.Since(p.planned) > maxPlanAge {
		_, err = c.pqConn.ExecContext(ctx, `discard plans`, nil)
		p.planned = time.Now()
	}
	if _, ok := errors.AsType[*pq.Error](err); ok && !isUnavailable(err) {
		p.off = true // it is another server than PostgreSQL's
		return nil
	}
	return err
}

// isDirect reports whether no pooler is between the connection and its server: the server sees the
// port of this end of the connection. If it is a Unix socket, the server sees no port, and its own
// is in the name of the socket.
func (c *pgConn) isDirect(ctx context.Context) (bool, error) {
	rows, err := c.pqConn.QueryContext(ctx,
		`select coalesce(inet_client_port(), 0), current_setting('port')`, nil)
	if err != nil {
		return false, err
	}
	values := make([]driver.Value, 2)
	err = errors.Join(rows.Next(values), rows.Close())
	clientPort, serverPort := fmt.Sprint(values[0]), fmt.Sprint(values[1])
	if local, ok := c.socket.LocalAddr().(*net.TCPAddr); ok {
		return clientPort == fmt.Sprint(local.Port), err
	}
	path := c.socket.RemoteAddr().String()
	return clientPort == "0" && strings.HasSuffix(path, ".s.PGSQL."+serverPort), err
}

// queryPrepared executes a prepared insert. With [errNotBelieved] the insert must be executed again,
// unprepared.
func (c *pgConn) queryPrepared(
	ctx context.Context, insert driver.StmtQueryContext, args []driver.NamedValue,
) (driver.Rows, error) {
	rows, err := insert.QueryContext(ctx, args)
	if err != nil {
		return nil, c.preparedError(ctx, err)
	}
	first, err := firstRow(rows)
	switch {
	case err == nil && isSent(first, args):
		return &pgRows{rows, ctx, c, first}, nil
	case err == nil:
		err = errForeignRow
	case errors.Is(err, io.EOF):
		err = c.committed()
	}
	if err = errors.Join(err, rows.Close()); err == nil && ctx.Err() == nil {
		return nil, errNotBelieved // all rows are duplicates, or it is another statement
	}
	return nil, c.preparedError(ctx, cmp.Or(err, ctx.Err()))
}

// errForeignRow means that a prepared insert returned a row that was not sent with it.
var errForeignRow = errors.New("the row is not one of the insert")

// firstRow returns the first row, or [io.EOF] if there is none. lib/pq may panic if it is one of
// another statement.
func firstRow(rows driver.Rows) (first []driver.Value, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errForeignRow, p)
		}
	}()
	first = make([]driver.Value, len(rows.Columns()))
	return first, rows.Next(first)
}

// isSent reports whether the digest of a returned row is among the arguments of an insert. Only the
// insert that has them can return it.
func isSent(returned []driver.Value, args []driver.NamedValue) bool {
	const digestColumn, digestArgument = 4, 5
	digest, _ := returned[digestColumn].([]byte)
	sent, _ := args[digestArgument].Value.([]byte)
	return len(digest) == len(ledger.Digest{}) && bytes.Contains(sent, digest)
}

// preparedError returns the error of a prepared insert, or [errNotBelieved] if nothing was written
// and the error may be that of another statement. After any error that no database explains, the
// connection is dropped: [driver.ErrBadConn] has the insert executed on another one.
func (c *pgConn) preparedError(ctx context.Context, err error) error {
	_, isPostgres := errors.AsType[*pq.Error](err)
	switch {
	case ctx.Err() != nil:
		c.useless = true // lib/pq may have canceled what runs next
		return err
	case isNotPrepared(err):
		c.prepared.off = true
		return errNotBelieved
	case isUnavailable(err), isDeadlock(err):
		return err
	case !dependsOnRows(err):
		c.prepared.off = true // in case that it is not the error of the insert
		return err
	case isPostgres:
		return errNotBelieved
	}
	c.useless = true
	return fmt.Errorf("%w: %w", driver.ErrBadConn, err)
}

// isNotPrepared reports whether an error shows that a prepared statement is not there, is another
// one, or returns something else than when it was prepared.
func isNotPrepared(err error) bool {
	e, ok := errors.AsType[*pq.Error](err)
	if !ok {
		return false
	}
	switch e.Code {
	case pqerror.InvalidSQLStatementName, pqerror.DuplicatePstatement,
		pqerror.ProtocolViolation, pqerror.FeatureNotSupported:
		return true
	}
	return false
}
