// Package store contains the domain (Source, Notification, Refusal) and every SQL statement, for
// PostgreSQL and SQLite alike: what is stored, under which identity, and for how long. It knows
// neither HTTP nor who may post what: it returns the sources with their tokens and organizations to
// the callers that decide.
//
// Times are UTC, cut to microseconds, and come from the caller. Errors of the drivers become the
// sentinels in errors.go wherever a caller would branch on them.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"
)

// The kinds of database, as [Store.Driver] returns them.
const (
	driverSQLite   = "sqlite"
	driverPostgres = "postgres"
)

// Store is an open database. It is safe for concurrent use.
type Store struct {
	driver  string
	process string // identifies this store among the heartbeats
	log     *slog.Logger
	write   *sqlx.DB // one connection on SQLite
	read    *sqlx.DB // read-only on SQLite, the same as write on PostgreSQL
	queue   *queue
	closed  atomic.Bool
	wakes   wakes

	path  string       // of the SQLite file, absolute; "" on PostgreSQL
	files *sqliteFiles // nil on PostgreSQL

	role, database string // of the PostgreSQL URL
	listenURL      string // is a URL that lib/pq itself understands

	lastWrite lastWrite
	checking  sync.Mutex // is held by checkWrite
}

// Open opens the database at url, a DATABASE_URL: sqlite:FILE, postgres:// or postgresql://. It
// checks only the url: the database may be down, and [Store.Migrate] creates a SQLite file. Its
// errors never contain the url.
//
// White space around the url is ignored. FILE is a path without escapes. If a PostgreSQL url has no
// sslmode, it is disable for a loopback address or a socket, otherwise require. The default of
// connect_timeout is 10 s.
func Open(url string, given ...Option) (*Store, error) {
	o := newOptions(given)
	url = strings.TrimSpace(url)
	path, isSQLite, err := sqlitePath(url)
	switch {
	case err != nil:
		return nil, fmt.Errorf("open database: %w", err)
	case isSQLite:
		return openSQLite(path, o)
	}
	return openPostgres(url, o)
}

// Close closes all connections. Batches that are being committed are finished, for up to 3 seconds;
// anything else that is running is ended, and what is waiting or called later fails with
// [ErrUnavailable].
func (s *Store) Close() error {
	s.closed.Store(true)
	s.queue.close()
	if s.read == s.write {
		return s.write.Close()
	}
	return errors.Join(s.read.Close(), s.write.Close(), s.files.close())
}

// Driver returns the kind of the database, "sqlite" or "postgres".
func (s *Store) Driver() string { return s.driver }

// File returns the absolute path of the file of a SQLite database, "" on PostgreSQL.
func (s *Store) File() string { return s.path }

// errNotBegun means that the database did not begin a transaction, so it would not begin others
// either.
var errNotBegun = errors.New("begin transaction")

// beginTimeout is how long a server may take to begin a transaction, connecting included. It
// detects a server that is down or hangs soon enough to refuse those who wait.
const beginTimeout = 2 * time.Second

// inTx runs do in a transaction that may write, and commits it unless do fails. If the commit
// fails, its outcome is unknown: the error is [ErrUnavailable]. So it is if a file of a SQLite
// database was replaced meanwhile. If inTx fails, do may still be running: the caller must not read
// what do writes to.
func (s *Store) inTx(ctx context.Context, do func(tx *sqlx.Tx) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	begun := s.limitBegin(cancel)
	return s.await(ctx, func() error {
		if err := s.checkFiles(ctx); err != nil {
			return fmt.Errorf("%w: %w", errNotBegun, err)
		}
		tx, err := s.write.BeginTxx(ctx, nil)
		begun()
		if err != nil {
			return fmt.Errorf("%w: %w", errNotBegun, err)
		}
		defer tx.Rollback() // has no effect after a commit
		if err := do(tx); err != nil {
			return err
		}
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("commit: %w: %w", ErrUnavailable, err)
		}
		return s.checkFiles(ctx)
	})
}

// checkFiles returns an error if the files of a SQLite database are not those that are open.
func (s *Store) checkFiles(ctx context.Context) error {
	if s.driver != driverSQLite {
		return nil
	}
	return errors.Join(s.files.hold(ctx), s.files.check())
}

// onConnection runs do on a connection of its own from a pool, without a transaction. If it fails,
// do may still be running: the caller must not read what do writes to.
func (s *Store) onConnection(
	ctx context.Context, pool *sqlx.DB, do func(conn *sqlx.Conn) error,
) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	begun := s.limitBegin(cancel)
	return s.await(ctx, func() error {
		conn, err := pool.Connx(ctx)
		begun()
		if err != nil {
			return fmt.Errorf("%w: %w", errNotBegun, err)
		}
		defer conn.Close()
		return do(conn)
	})
}

// limitBegin calls cancel after [beginTimeout], unless begun is called before. SQLite has a limit
// of its own, busy_timeout.
func (s *Store) limitBegin(cancel context.CancelCauseFunc) (begun func()) {
	if s.driver == driverSQLite {
		return func() {}
	}
	timer := time.AfterFunc(beginTimeout, func() {
		cancel(fmt.Errorf("%w: no answer in %s: %w", errNotBegun, beginTimeout, context.DeadlineExceeded))
	})
	return func() { timer.Stop() }
}

// grace is how long await waits after the end of its context for the driver to give up by itself.
const grace = 250 * time.Millisecond

// await returns the result of do, or [ErrUnavailable] if the context ends first. Neither driver can
// be relied on for that: lib/pq waits for the answer of a server that no longer responds. The
// connection that do holds stays taken, so there are at most as many of those left running as there
// are connections.
func (s *Store) await(ctx context.Context, do func() error) error {
	if err := ctx.Err(); err != nil {
		return s.failure(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.guard(do) }()
	select {
	case err := <-done:
		return s.failure(err)
	case <-ctx.Done():
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case err := <-done:
		return s.failure(err)
	case <-timer.C:
		return s.failure(context.Cause(ctx))
	}
}
