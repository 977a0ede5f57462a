package store

import (
	"context"

	"github.com/jmoiron/sqlx"
)

// ReplayState is what a replay is at. Its values are stored.
type ReplayState int16

// The states of a replay.
const (
	ReplayRunning   ReplayState = 1
	ReplayDone      ReplayState = 2
	ReplayCancelled ReplayState = 3
)

func putReplayProgress(ctx context.Context, tx *sqlx.Tx, destination int64, p ReplayProgress) error {
	_, err := tx.ExecContext(ctx, tx.Rebind(`
		update replays set cursor_id = ?, delivered = delivered + ?, filtered = filtered + ?,
			skipped = skipped + ?, failed = failed + ?
		where id = ? and destination_id = ? and state = ?`),
		p.Cursor, p.Delivered, p.Filtered, p.Skipped, p.Failed, p.Replay, destination, ReplayRunning)
	return err
}
