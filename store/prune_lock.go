package store

import (
	"context"
	"fmt"

	"github.com/gofrs/flock"
	"github.com/jmoiron/sqlx"
)

// lockPrune lets one caller at a time prune, in whatever process, or returns [ErrPruning]. The lock
// ends with the process at the latest.
func (s *Store) lockPrune(ctx context.Context) (unlock func(), err error) {
	if s.driver == driverSQLite {
		return lockPruneFile(s.path + ".prune.lock")
	}
	return s.lockPrunePostgres(ctx)
}

// lockPruneFile creates the file and leaves it in place.
func lockPruneFile(path string) (unlock func(), err error) {
	lock := flock.New(path, flock.SetPermissions(0o600))
	locked, err := lock.TryLock()
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: lock %s: %w", ErrUnavailable, path, err)
	case !locked:
		return nil, ErrPruning
	}
	return func() { _ = lock.Unlock() }, nil
}

// pruneLock is the key of the advisory lock: the bytes of "ackbox" and 1.
const pruneLock = 0x61636b626f780001

// lockPrunePostgres keeps a transaction open that holds an advisory lock: through PgBouncer's
// transaction mode, the lock of a session would be on a connection that others use.
func (s *Store) lockPrunePostgres(ctx context.Context) (unlock func(), err error) {
	ctx, cancel := context.WithCancelCause(ctx) // rolls back
	begun := s.limitBegin(cancel)
	var tx *sqlx.Tx
	var locked bool
	err = s.await(ctx, func() (err error) {
		tx, err = s.write.BeginTxx(ctx, nil)
		begun()
		if err != nil {
			return err
		}
		return tx.GetContext(ctx, &locked, `select pg_try_advisory_xact_lock($1)`, int64(pruneLock))
	})
	if err != nil {
		cancel(nil)
		return nil, err // tx may still be written to
	}
	unlock = func() {
		defer cancel(nil)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), beginTimeout)
		defer cancel()
		_ = s.await(ctx, tx.Rollback)
	}
	if !locked {
		unlock()
		return nil, ErrPruning
	}
	return unlock, nil
}
