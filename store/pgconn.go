package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

var (
	// errReadOnly means that a PostgreSQL server refuses to write: it is a standby, or its
	// default_transaction_read_only is on.
	errReadOnly = errors.New("the server is read-only")
	// errNotReplicated means that a transaction is committed on the server, but not known to be on its
	// synchronous standby: the server was told to stop waiting for that.
	errNotReplicated = errors.New("the commit did not wait for the synchronous standby")
)

// pgConnector opens the connections of a pool. After an error that makes a connection useless, as at
// the end of a failover, it has the pool drop all connections that are as old.
type pgConnector struct {
	driver.Connector
	// generation increases with each such error.
	generation atomic.Int64
}

// Connect implements [driver.Connector].
func (c *pgConnector) Connect(ctx context.Context) (driver.Conn, error) {
	generation := c.generation.Load() // before it connects: that may take a while
	opened, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	conn := &pgConn{pgSocket: opened.(pgSocket), connector: c, generation: generation}
	pq.SetNoticeHandler(conn.pqConn, conn.notice)
	return conn, nil
}

// pqConn is what a connection of lib/pq implements.
type pqConn interface {
	driverConn
	driver.NamedValueChecker
}

// pgConn is a connection whose errors and notices are observed. One goroutine uses it at a time.
type pgConn struct {
	pgSocket
	connector  *pgConnector
	generation int64
	useless    bool
	inTx       bool
	prepared   preparedInserts
	// notReplicated reports whether the server stopped waiting for its standby since the last
	// statement began.
	notReplicated bool
}

// notice is called for each notice of the server.
func (c *pgConn) notice(notice *pq.Error) {
	// The message depends on lc_messages; its SQLSTATE is that of any warning.
	if notice.Routine == "SyncRepWaitForLSN" {
		c.notReplicated = true
	}
}

// observe returns err. If it means that the connection is of no use, the pool drops the connection
// and those of its generation.
func (c *pgConn) observe(ctx context.Context, err error) error {
	if err != nil && ctx.Err() == nil && isUseless(err) {
		c.useless = true
		// Another connection of the generation may have failed before.
		c.connector.generation.CompareAndSwap(c.generation, c.generation+1)
	}
	return err
}

// isUseless reports whether an error shows that a new connection may be better.
func isUseless(err error) bool {
	if e, ok := errors.AsType[*pq.Error](err); ok {
		switch e.Code {
		case pqerror.ReadOnlySQLTransaction, pqerror.AdminShutdown, pqerror.CrashShutdown,
			pqerror.CannotConnectNow:
			return true
		}
		return e.Code.Class() == pqerror.ClassConnectionException
	}
	_, isNetwork := errors.AsType[*net.OpError](err)
	return isNetwork || errors.Is(err, errReadOnly) || errors.Is(err, driver.ErrBadConn)
}

// committed returns the error of a statement or commit that succeeded.
func (c *pgConn) committed() error {
	if c.notReplicated {
		return errNotReplicated
	}
	return nil
}

// BeginTx implements [driver.ConnBeginTx]. A transaction is read-only if that is the server's
// default: lib/pq begins it as READ WRITE, which would write to a server that was fenced off.
func (c *pgConn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	c.notReplicated = false
	tx, err := c.pqConn.BeginTx(ctx, options)
	if e, ok := errors.AsType[*pq.Error](err); ok && e.Code == pqerror.FeatureNotSupported {
		err = fmt.Errorf("%w: %w", errReadOnly, err) // the answer of a standby to READ WRITE
	}
	if err != nil {
		return nil, c.observe(ctx, err)
	}
	c.inTx = true
	_, err = c.pqConn.ExecContext(ctx, `select set_config('transaction_read_only',
		current_setting('default_transaction_read_only'), true)`, nil)
	if err != nil {
		c.inTx = false
		return nil, c.observe(ctx, errors.Join(err, tx.Rollback()))
	}
	return &pgTx{tx, ctx, c}, nil
}

// ExecContext implements [driver.ExecerContext].
func (c *pgConn) ExecContext(
	ctx context.Context, query string, args []driver.NamedValue,
) (driver.Result, error) {
	c.notReplicated = false
	result, err := c.pqConn.ExecContext(ctx, query, args)
	if err == nil {
		err = c.committed()
	}
	if err != nil {
		return nil, c.observe(ctx, err)
	}
	return result, nil
}

// QueryContext implements [driver.QueryerContext].
func (c *pgConn) QueryContext(
	ctx context.Context, query string, args []driver.NamedValue,
) (driver.Rows, error) {
	c.notReplicated = false
	insert, err := c.prepare(ctx, query)
	if err != nil {
		return nil, c.observe(ctx, err)
	}
	if insert != nil {
		rows, err := c.queryPrepared(ctx, insert, args)
		if !errors.Is(err, errNotBelieved) {
			return rows, c.observe(ctx, err)
		}
	}
	rows, err := c.pqConn.QueryContext(ctx, query, args)
	if err != nil {
		return nil, c.observe(ctx, err)
	}
	return &pgRows{rows, ctx, c, nil}, nil
}

// ResetSession implements [driver.SessionResetter].
func (c *pgConn) ResetSession(ctx context.Context) error {
	if c.useless || c.generation < c.connector.generation.Load() {
		return driver.ErrBadConn
	}
	return c.pqConn.ResetSession(ctx)
}

// IsValid implements [driver.Validator].
func (c *pgConn) IsValid() bool { return !c.useless && c.pqConn.IsValid() }

// pgTx is a transaction of a pgConn.
type pgTx struct {
	driver.Tx
	ctx  context.Context
	conn *pgConn
}

// Commit implements [driver.Tx].
func (t *pgTx) Commit() error {
	t.conn.inTx = false
	if err := t.Tx.Commit(); err != nil {
		return t.conn.observe(t.ctx, err)
	}
	return t.conn.committed()
}

// Rollback implements [driver.Tx].
func (t *pgTx) Rollback() error {
	t.conn.inTx = false
	return t.Tx.Rollback()
}

// pgRows are the rows of a query of a pgConn. A query without a transaction is committed once its
// last row was read.
type pgRows struct {
	driver.Rows
	ctx  context.Context
	conn *pgConn
	// first is the first row if it was read already. It is valid until the next one is read.
	first []driver.Value
}

// Next implements [driver.Rows].
func (r *pgRows) Next(values []driver.Value) error {
	if r.first != nil {
		copy(values, r.first)
		r.first = nil
		return nil
	}
	err := r.Rows.Next(values)
	if !errors.Is(err, io.EOF) {
		return r.conn.observe(r.ctx, err)
	}
	if err := r.conn.committed(); err != nil {
		return err
	}
	return io.EOF
}

// Close implements [driver.Rows].
func (r *pgRows) Close() error {
	if r.ctx.Err() != nil {
		r.conn.useless = true // the query was canceled, or the next one will be
	}
	if err := r.Rows.Close(); err != nil {
		return r.conn.observe(r.ctx, err)
	}
	return r.conn.committed()
}
