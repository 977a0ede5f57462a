package main

import (
	"context"
	"sync/atomic"
	"time"

	"ackbox/internal/text"
	"ackbox/store"
)

// pruneCmd is the command prune.
type pruneCmd struct {
	Database  databaseFlags `embed:""`
	OlderThan time.Duration `required:"" placeholder:"30d" help:"Delete the notifications whose newest revision is older than this, and older refusals. At least 72h."`
}

// Run implements the command.
func (c *pruneCmd) Run(ctx context.Context, t terminal) error {
	return c.Database.with(ctx, func(s *store.Store) error {
		var soFar atomic.Int64
		stop := showProgress(t, func() string {
			return deletedText(soFar.Load()) + " …"
		})
		deleted, err := s.Prune(ctx, time.Now(), c.OlderThan, soFar.Store)
		stop()
		t.say("%s", deletedText(deleted))
		return err
	})
}

func deletedText(n int64) string {
	return text.Count(n, "notification", "notifications") + " deleted"
}
