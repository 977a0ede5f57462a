package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"ackbox/ledger"
	"ackbox/store"
)

// exportCmd is the command export.
type exportCmd struct {
	Database databaseFlags `embed:""`
	Object   string        `placeholder:"TYPE" help:"Only records of this object type, such as Lead."`
	Record   string        `placeholder:"ID" help:"Only the record with this id."`
	Source   string        `placeholder:"NAME" help:"Only notifications of this source."`
	After    int64         `placeholder:"ID" help:"Only notifications with a higher id. For incremental exports use --since with a minute of overlap instead: with several processes a lower id may appear a little later."`
	Since    moment        `placeholder:"TIME" help:"Only notifications received at or after this time: 2026-11-22, 2026-11-22T01:02:03Z, or 24h or 30d for the time before now."`
	Until    moment        `placeholder:"TIME" help:"Only notifications received before this time."`
	Format   string        `enum:"ndjson,csv" default:"ndjson" help:"The format: ${enum}."`
}

// Run implements the command.
func (c *exportCmd) Run(ctx context.Context, t terminal) error {
	filter := store.NotificationFilter{
		Source: c.Source, Object: c.Object, Record: c.Record,
		After: c.After, Since: c.Since.Time, Until: c.Until.Time,
	}
	return c.Database.with(ctx, func(s *store.Store) error {
		out := bufio.NewWriterSize(t.out, 64<<10)
		write, flush := writeNDJSON(out), func() error { return nil }
		if c.Format == "csv" {
			write, flush = writeCSV(out)
		}
		err := s.Notifications(ctx, filter, write)
		return errors.Join(err, flush(), out.Flush())
	})
}

func writeNDJSON(w io.Writer) func(store.Notification) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false) // to write text as it was sent
	return func(n store.Notification) error { return encoder.Encode(n) }
}

// writeCSV returns functions that write the same columns as writeNDJSON and flush them. Values that
// are null in JSON are empty.
func writeCSV(to io.Writer) (write func(store.Notification) error, flush func() error) {
	w := csv.NewWriter(to)
	err := w.Write([]string{"id", "source", "organization_id", "action_id", "notification_id",
		"revision", "object_type", "record_id", "fields", "received_at", "intake", "operation",
		"changed_at"})
	write = func(n store.Notification) error {
		changedAt := ""
		if n.ChangedAt != nil {
			changedAt = ledger.FormatTime(*n.ChangedAt)
		}
		return w.Write([]string{strconv.FormatInt(n.ID, 10), n.Source, n.OrganizationID, n.ActionID,
			n.NotificationID, strconv.Itoa(n.Revision), orEmpty(n.ObjectType), orEmpty(n.RecordID),
			string(n.Fields), ledger.FormatTime(n.ReceivedAt), n.Intake.String(), orEmpty(n.Operation),
			changedAt})
	}
	return write, func() error {
		w.Flush()
		return errors.Join(err, w.Error())
	}
}

// orEmpty returns the text of a value, or "" for nil.
func orEmpty[T ~string](text *T) string {
	if text == nil {
		return ""
	}
	return string(*text)
}

// moment is a time on the command line: a date, a time, or a duration before now.
type moment struct{ time.Time }

// UnmarshalText parses a date such as 2026-11-22 (midnight UTC), a time by RFC 3339, or a duration
// before now such as 24h or 30d.
func (m *moment) UnmarshalText(text []byte) error {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, string(text)); err == nil {
			m.Time = t
			return nil
		}
	}
	if ago, err := parseDuration(string(text)); err == nil {
		m.Time = time.Now().Add(-ago)
		return nil
	}
	return fmt.Errorf("%q is not a time such as 2026-11-22, 2026-11-22T01:02:03Z, 24h or 30d", text)
}
