package main

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"ackbox/internal/text"
	"ackbox/store"
)

// pruneCmd is the command prune.
type pruneCmd struct {
	Database  databaseFlags `embed:""`
	OlderThan time.Duration `required:"" placeholder:"30d" help:"Delete the notifications whose newest revision is older than this, and older refusals. At least 72h."`
	AtMost    time.Duration `placeholder:"60d" help:"Keep what a destination has not got yet for no longer than this (default: 30d more than --older-than)."`
}

// Run implements the command.
func (c *pruneCmd) Run(ctx context.Context, t terminal) error {
	return c.Database.with(ctx, func(s *store.Store) error {
		var soFar atomic.Int64
		stop := showProgress(t, func() string {
			return deletedText(soFar.Load()) + " …"
		})
		deleted, err := s.Prune(ctx, time.Now(), store.Retention{OlderThan: c.OlderThan, AtMost: c.AtMost}, soFar.Store)
		stop()
		t.say("%s", deletedText(deleted))
		return err
	})
}

func deletedText(n int64) string {
	return text.Count(n, "notification", "notifications") + " deleted"
}

// pruneEvery is how often serve prunes.
const pruneEvery = time.Hour

// pruner deletes old notifications.
type pruner interface {
	Prune(
		ctx context.Context, now time.Time, keep store.Retention, progress func(deleted int64),
	) (deleted int64, err error)
}

// pruneRegularly prunes at once and then every hour until the context ends, unless olderThan is 0.
// Of several processes that do so, one prunes at a time.
func pruneRegularly(ctx context.Context, db pruner, olderThan time.Duration) error {
	if olderThan == 0 {
		return nil
	}
	ticker := time.NewTicker(pruneEvery)
	defer ticker.Stop()
	for {
		started := time.Now()
		deleted, err := db.Prune(ctx, started, store.Retention{OlderThan: olderThan}, nil)
		took := time.Since(started)
		switch {
		case ctx.Err() != nil: // what was deleted stays deleted
		case errors.Is(err, store.ErrPruning):
			slog.Debug("another process prunes")
		case err != nil:
			slog.Warn("not pruned, tried again in an hour",
				"deleted", deleted, "duration", took, "error", err)
		case deleted > 0:
			slog.Info("pruned", "deleted", deleted, "duration", took)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
