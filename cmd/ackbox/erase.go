package main

import (
	"context"
	"fmt"
	"log/slog"

	"ackbox/internal/text"
	"ackbox/store"
)

// eraseCmd is the command erase.
type eraseCmd struct {
	Database databaseFlags `embed:""`
	Record   string        `required:"" placeholder:"ID" help:"The id of the record, in its form of 15 or of 18 characters; of the latter in any case."`
	Yes      bool          `help:"Do not ask."`
}

// Run implements the command.
func (c *eraseCmd) Run(ctx context.Context, t terminal, log *slog.Logger) error {
	return c.Database.with(ctx, func(s *store.Store) error {
		n, err := s.CountRecord(ctx, c.Record)
		if err != nil {
			return err
		}
		if n == 0 {
			t.say("%s", nothing)
			return nil
		}
		counted := text.Count(n, "notification", "notifications")
		if !c.Yes {
			if err := confirm(t, fmt.Sprintf("Erase %s of record %s for good?", counted, c.Record)); err != nil {
				return err
			}
		}
		erased, err := s.EraseRecord(ctx, c.Record)
		if err != nil {
			return err
		}
		log.Info("record erased", "record", c.Record, "by", whoAsks(), "notifications", erased.Notifications,
			"deliveries", erased.Deliveries)
		_, err = fmt.Fprintf(t.out, "%s erased, %s\n", text.Count(erased.Notifications, "notification", "notifications"),
			text.Count(erased.Deliveries, "delivery", "deliveries"))
		t.say("Not erased: backups, exports, the log of the server, and what destinations have got. Salesforce may send\n" +
			"the record again for 24 hours, and whenever it changes: erase it there first.")
		return err
	})
}
