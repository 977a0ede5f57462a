package store

import (
	"context"
	"database/sql/driver"
	"errors"
)

// driverConn is what the connections of both drivers implement.
type driverConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// sqliteConn is a connection that prepares each insert of notifications once. SQLite itself
// prepares a statement again when the schema has changed.
type sqliteConn struct {
	driverConn
	inserts map[string]driver.Stmt // by their text
}

func newSQLiteConn(conn driver.Conn) *sqliteConn {
	return &sqliteConn{driverConn: conn.(driverConn), inserts: map[string]driver.Stmt{}}
}

// QueryContext implements [driver.QueryerContext]. The rows of an insert must be closed before the
// next insert with the same text.
func (c *sqliteConn) QueryContext(
	ctx context.Context, query string, args []driver.NamedValue,
) (driver.Rows, error) {
	if !isSQLiteInsert(query) {
		return c.driverConn.QueryContext(ctx, query, args)
	}
	insert, prepared := c.inserts[query]
	if !prepared {
		var err error
		if insert, err = c.PrepareContext(ctx, query); err != nil {
			return nil, err
		}
		c.inserts[query] = insert
	}
	return insert.(driver.StmtQueryContext).QueryContext(ctx, args)
}

// Close implements [driver.Conn]. SQLite closes its files only when all statements are closed.
func (c *sqliteConn) Close() error {
	var errs []error
	for _, insert := range c.inserts {
		errs = append(errs, insert.Close())
	}
	clear(c.inserts)
	return errors.Join(append(errs, c.driverConn.Close())...)
}
