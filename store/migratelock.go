package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gofrs/flock"
	"github.com/pressly/goose/v3/lock"
)

const (
	// sayAfter is how long a migration waits for a lock without a word in the log, sayEvery how long
	// it then waits without another.
	sayAfter = time.Second
	sayEvery = 10 * time.Second
)

// whileWaiting calls say until stop is called, as long as that takes.
func whileWaiting(ctx context.Context, say func(ctx context.Context)) (stop func()) {
	ctx, stop = context.WithCancel(ctx)
	go func() {
		for wait := sayAfter; pause(ctx, wait) == nil; wait = sayEvery {
			say(ctx)
		}
	}()
	return stop
}

// migrationLock is a lock of a migration on PostgreSQL, a row of a table. The lock of a process that
// was killed expires.
type migrationLock struct {
	lock.Locker
	table string
	log   *slog.Logger
}

func (s *Store) newMigrationLock(table string) (*migrationLock, error) {
	locker, err := lock.NewPostgresTableLocker(
		lock.WithTableName(table),
		// 5 minutes: a migration may take that long
		lock.WithTableLockTimeout(250*time.Millisecond, 4*300),
		lock.WithTableRetryPolicy(func(err error) bool { return !isUnavailable(err) }),
		lock.WithTableLogger(slog.New(slog.DiscardHandler)),
	)
	if err != nil {
		return nil, err
	}
	return &migrationLock{locker, table, s.log}, nil
}

// Lock implements [lock.Locker].
func (l *migrationLock) Lock(ctx context.Context, db *sql.DB) error {
	stop := whileWaiting(ctx, func(ctx context.Context) { l.logHolder(ctx, db) })
	defer stop()
	return l.Locker.Lock(ctx, db)
}

// logHolder logs which process has the lock.
func (l *migrationLock) logHolder(ctx context.Context, db *sql.DB) {
	var holder string
	var seconds float64
	err := db.QueryRowContext(ctx, `
		select locked_by, extract(epoch from lease_expires_at - now()) from `+l.table+`
		where locked and lease_expires_at > now()`).Scan(&holder, &seconds)
	switch {
	case errors.Is(err, sql.ErrNoRows), ctx.Err() != nil:
	case err != nil:
		l.log.Info("the migration waits for its lock", "table", l.table, "error", err)
	default:
		l.log.Info("the migration waits for another process, which migrates or was killed meanwhile",
			"holder", holder, "lock_expires_in", time.Duration(seconds*float64(time.Second)).Round(time.Second))
	}
}

// lockRetry is the interval between attempts to lock a file.
const lockRetry = 20 * time.Millisecond

// lockFile locks a file as soon as no other process or call has it locked. It creates the file and
// leaves it in place. The lock ends with the process at the latest.
func (s *Store) lockFile(ctx context.Context, path string) (unlock func() error, err error) {
	lock := flock.New(path, flock.SetPermissions(0o600))
	stop := whileWaiting(ctx, func(context.Context) {
		s.log.Info("the migration waits for another process, which migrates", "locked_file", path)
	})
	defer stop()
	if _, err := lock.TryLockContext(ctx, lockRetry); err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return lock.Unlock, nil
}
