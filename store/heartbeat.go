package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
)

const (
	// maxWriteAge is how long the outcome of the last write answers whether messages can be saved.
	maxWriteAge = 5 * time.Second
	// maxBallast limits the size of a heartbeat, in bytes.
	maxBallast = 1 << 20
	// heartbeatAge is the age at which the heartbeat of another process is deleted.
	heartbeatAge = 24 * time.Hour
)

// lastWrite is the outcome of the last write that shows whether messages can be saved.
type lastWrite struct {
	mu     sync.Mutex
	at     time.Time
	err    error
	failed int64 // the size of a save that failed, in bytes; 0 after a success
}

// record sets the outcome of a write of a size.
func (w *lastWrite) record(err error, size int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at, w.err, w.failed = time.Now(), err, size
	if err == nil {
		w.failed = 0
	}
}

// outcome returns the error of the last write, whether that is recent, and the size of the save that
// failed last.
func (w *lastWrite) outcome() (recent bool, failed int64, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.at.IsZero() && time.Since(w.at) < maxWriteAge, w.failed, w.err
}

// recordSave records the outcome of a group. An error counts unless the callers have left, a success
// only if something was written.
func (s *Store) recordSave(ctx context.Context, batches []*pending, saved []Saved, err error) {
	size := int64(0)
	for _, p := range batches {
		size += p.bytes
	}
	switch {
	case err != nil && ctx.Err() == nil, err == nil && storedAny(saved):
		s.lastWrite.record(err, size)
	}
}

// checkWrite returns an error if a batch could not be saved now: that of the last save or heartbeat
// if it is recent, otherwise that of a heartbeat.
func (s *Store) checkWrite(ctx context.Context) error {
	s.checking.Lock()
	defer s.checking.Unlock()
	if err := s.checkFiles(ctx); err != nil {
		return s.failure(err)
	}
	recent, failed, err := s.lastWrite.outcome()
	if recent {
		return err
	}
	err = s.heartbeat(ctx, min(failed, maxBallast))
	if !errors.Is(ctx.Err(), context.Canceled) { // nobody waited for the outcome
		s.lastWrite.record(err, failed)
	}
	return err
}

// heartbeat commits a row of a size, in bytes, in place of this process's last one. A write that is
// rolled back would succeed on a full disk.
func (s *Store) heartbeat(ctx context.Context, size int64) error {
	now := time.Now()
	insert := `insert into heartbeats (process, written_at, ballast) values (?, ?, ?)`
	if s.driver == driverPostgres {
		insert = `insert into heartbeats (process, written_at, ballast)
			select ?::text, ?::timestamptz, ?::bytea where ` + durable
	}
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, tx.Rebind(insert+` on conflict (process) do update
			set written_at = excluded.written_at, ballast = excluded.ballast`),
			s.process, timestamp{now}, make([]byte, size))
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, tx.Rebind(`delete from heartbeats where written_at < ?`),
			timestamp{now.Add(-heartbeatAge)})
		return err
	})
	if err != nil {
		return fmt.Errorf("write heartbeat: %w", err)
	}
	return nil
}
