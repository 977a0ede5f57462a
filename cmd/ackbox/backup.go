package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/dustin/go-humanize"

	"ackbox/store"
)

// backupCmd is the command backup.
type backupCmd struct {
	Database databaseFlags `embed:""`
	File     string        `arg:"" help:"The file to create. It must not exist."`
}

// Run implements the command. It does not migrate: a backup comes before an upgrade.
func (c *backupCmd) Run(ctx context.Context, t terminal) error {
	var failed error // apart, as it is not about the database
	err := c.Database.withStore(func(s *store.Store) error {
		if s.Driver() != "sqlite" {
			return usageError{fmt.Errorf("backup is for SQLite; for PostgreSQL use its own tool:\n"+
				"  pg_dump --format=custom --file=%s \"$DATABASE_URL\"", shellQuoted(c.File))}
		}
		if err := s.CheckExists(ctx); err != nil {
			return err
		}
		failed = s.Backup(ctx, c.File)
		return nil
	})
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	info, err := os.Stat(c.File)
	if err != nil {
		return err
	}
	t.say("%s written to %s", humanize.IBytes(uint64(info.Size())), c.File)
	return nil
}

// shellQuoted returns a text as one word of a shell.
func shellQuoted(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
