package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// The errors that callers test for with [errors.Is].
var (
	// ErrNotFound means that a source, a destination or a replay does not exist, or that a source does
	// not list an organization.
	ErrNotFound = errors.New("not found")
	// ErrExists means that a name is taken.
	ErrExists = errors.New("already exists")
	// ErrName means that a source or a destination cannot have a name.
	ErrName = errors.New("a name must be 1 to 64 letters, digits, '-', '_' or '.', " +
		"the first a letter or digit")
	// ErrNotEmpty means that a source cannot be removed because it has notifications.
	ErrNotEmpty = errors.New("has notifications: disable it instead, or prune them first")
	// ErrRetention means that Salesforce may still send again what is to be pruned.
	ErrRetention = errors.New("notifications must be kept for at least 72 hours: " +
		"Salesforce may send them again")
	// ErrPruning means that another caller, perhaps in another process, is pruning.
	ErrPruning = errors.New("notifications are being pruned already")
	// ErrUnavailable means that the database cannot do its work now: it is down, full, busy,
	// read-only, damaged, shutting down or unreachable, or did not answer in time. What was being written
	// may or may not be stored.
	ErrUnavailable = errors.New("database unavailable")
	// ErrOverloaded means that the queue of batches to save is full. Nothing of the batch was
	// stored.
	ErrOverloaded = errors.New("too many batches are waiting to be saved")
)

// failure wraps err with [ErrUnavailable] if the database is at fault or the store is closed, and
// adds what to do about it.
func (s *Store) failure(err error) error {
	if err == nil || errors.Is(err, ErrUnavailable) || errors.Is(err, ErrOverloaded) {
		return err
	}
	if err = s.withAdvice(err); s.closed.Load() || isUnavailable(err) || isDeadlock(err) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

// isUnavailable reports whether the database, not the statement, is at fault.
func isUnavailable(err error) bool {
	for _, target := range []error{
		context.Canceled, context.DeadlineExceeded, driver.ErrBadConn, sql.ErrConnDone,
		sql.ErrTxDone, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, errReadOnly, errNotReplicated,
		errFileMoved,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	if e, ok := errors.AsType[*pq.Error](err); ok {
		return postgresUnavailable(e)
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return sqliteUnavailable(e.Code())
	}
	_, ok := errors.AsType[net.Error](err)
	return ok
}

// postgresUnavailable decides by the class of the SQLSTATE:
// https://www.postgresql.org/docs/current/errcodes-appendix.html
func postgresUnavailable(err *pq.Error) bool {
	switch err.Code.Class() {
	case pqerror.ClassConnectionException, pqerror.ClassInsufficientResources,
		pqerror.ClassOperatorIntervention, pqerror.ClassSystemError,
		pqerror.ClassConfigFileError, pqerror.ClassInternalError: // the latter: it is damaged
		return true
	}
	// A server that is read-only is a standby, as after a failover.
	return err.Code == pqerror.ReadOnlySQLTransaction || err.Code == pqerror.LockNotAvailable
}

// sqliteUnavailable decides by the primary result code, the low byte:
// https://www.sqlite.org/rescode.html
func sqliteUnavailable(code int) bool {
	switch code & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
		sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOMEM,
		sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB,
		sqlite3.SQLITE_NOLFS, sqlite3.SQLITE_INTERNAL:
		return true
	}
	return false
}

// dependsOnRows reports whether an insert that failed may succeed with other rows. It would not if a
// table or a column is missing, for example, or the role may not insert.
func dependsOnRows(err error) bool {
	if e, ok := errors.AsType[*pq.Error](err); ok {
		switch {
		case e.Where != "", e.Routine == checksRow: // raised by a trigger or by a policy for rows
			return true
		}
		switch e.Code.Class() {
		case pqerror.ClassSyntaxErrorOrAccessRuleViolation, pqerror.ClassInvalidCatalogName,
			pqerror.ClassInvalidSchemaName, pqerror.ClassInvalidSQLStatementName,
			pqerror.ClassInvalidAuthorizationSpecification:
			return false
		}
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()&0xff != sqlite3.SQLITE_ERROR
	}
	return true
}

// isSchemaMissing reports whether a statement names a table or column that the database lacks. The
// statements are constant, so that SQLite's code for any other error in one means nothing else.
func isSchemaMissing(err error) bool {
	if e, ok := errors.AsType[*pq.Error](err); ok {
		return (e.Code == pqerror.UndefinedTable || e.Code == pqerror.UndefinedColumn) && e.Where == ""
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code()&0xff == sqlite3.SQLITE_ERROR
}

// checksRow is the function of PostgreSQL that raises the error of row-level security. Its SQLSTATE
// is that of a missing privilege.
const checksRow = "ExecWithCheckOptions"

// isReadOnly reports whether a PostgreSQL server refused to write, so that nothing was written.
func isReadOnly(err error) bool {
	e, ok := errors.AsType[*pq.Error](err)
	return ok && e.Code == pqerror.ReadOnlySQLTransaction || errors.Is(err, errReadOnly)
}

// isLockTimeout reports whether PostgreSQL gave up waiting for a lock after lock_timeout.
func isLockTimeout(err error) bool {
	e, ok := errors.AsType[*pq.Error](err)
	return ok && e.Code == pqerror.LockNotAvailable
}

// isDeadlock reports whether PostgreSQL rolled back the transaction in favor of another: it can be
// run again.
func isDeadlock(err error) bool {
	e, ok := errors.AsType[*pq.Error](err)
	return ok && (e.Code == pqerror.TRDeadlockDetected || e.Code == pqerror.TRSerializationFailure)
}
