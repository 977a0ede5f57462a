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

// What callers branch on, by errors.Is.
var (
	// ErrNotFound is for a source that does not exist, or an organization that it does not list.
	ErrNotFound = errors.New("not found")
	// ErrExists is for a name that is taken.
	ErrExists = errors.New("exists already")
	// ErrName is for a name that no source may have.
	ErrName = errors.New("a source's name is 1 to 64 letters, digits, '-', '_' or '.', the first a letter or digit")
	// ErrNotEmpty is for a source that cannot be removed as it has notifications.
	ErrNotEmpty = errors.New("has notifications: disable it instead, or prune them first")
	// ErrRetention is for pruning what Salesforce may still send again.
	ErrRetention = errors.New("notifications are kept for 72 hours at least: Salesforce may send them again")
	// ErrUnavailable says that the database cannot do its work now: it is down, full, busy, read-only, shutting down
	// or unreachable, or did not answer in time. What was being written may or may not be there.
	ErrUnavailable = errors.New("database unavailable")
	// ErrOverloaded means that the queue of batches to save is full. Nothing of the batch was
	// stored.
	ErrOverloaded = errors.New("too many batches are waiting to be saved")
)

// failure makes a driver's error one of ours.
func (s *Store) failure(err error) error {
	if err == nil || errors.Is(err, ErrUnavailable) || errors.Is(err, ErrOverloaded) {
		return err
	}
	if s.closed.Load() || isUnavailable(err) || isDeadlock(err) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

// isUnavailable tells whether the database, not the statement, is at fault.
func isUnavailable(err error) bool {
	if e, ok := errors.AsType[*pq.Error](err); ok {
		return postgresUnavailable(e)
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return sqliteUnavailable(e.Code())
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	for _, target := range []error{
		context.Canceled, context.DeadlineExceeded, driver.ErrBadConn, sql.ErrConnDone, sql.ErrTxDone, io.EOF,
		io.ErrUnexpectedEOF, net.ErrClosed,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// postgresUnavailable goes by the class of a SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html
func postgresUnavailable(err *pq.Error) bool {
	switch err.Code.Class() {
	case pqerror.ClassConnectionException, pqerror.ClassInsufficientResources, pqerror.ClassOperatorIntervention,
		pqerror.ClassSystemError:
		return true
	}
	// A server that is read-only is a standby, as after a failover.
	return err.Code == pqerror.ReadOnlySQLTransaction || err.Code == pqerror.LockNotAvailable
}

// sqliteUnavailable goes by the primary result code, the low byte: https://www.sqlite.org/rescode.html
func sqliteUnavailable(code int) bool {
	switch code & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
		sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOMEM,
		sqlite3.SQLITE_INTERRUPT:
		return true
	}
	return false
}

// isLockTimeout reports whether PostgreSQL gave up waiting for a lock after lock_timeout.
func isLockTimeout(err error) bool {
	e, ok := errors.AsType[*pq.Error](err)
	return ok && e.Code == pqerror.LockNotAvailable
}

// isDeadlock tells whether PostgreSQL rolled a transaction back for the sake of another: it can simply be run again.
func isDeadlock(err error) bool {
	e, ok := errors.AsType[*pq.Error](err)
	return ok && (e.Code == pqerror.TRDeadlockDetected || e.Code == pqerror.TRSerializationFailure)
}
