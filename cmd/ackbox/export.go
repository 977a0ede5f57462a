package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"ackbox/ledger"
	"ackbox/query"
	"ackbox/store"
)

// exportCmd is the command export.
type exportCmd struct {
	Database databaseFlags `embed:""`
	Object   string        `placeholder:"TYPE" help:"Only records of this object type, such as Lead, in any case."`
	Record   string        `placeholder:"ID" help:"Only the record with this id, in its form of 15 or of 18 characters; of the latter in any case."`
	Source   string        `placeholder:"NAME" help:"Only notifications of this source."`
	Intake   string        `placeholder:"KIND" enum:",soap,apex,event,change,reconcile" default:"" help:"Only notifications that were received in this way: soap, apex, event, change or reconcile."`
	After    int64         `placeholder:"ID" help:"Only notifications with a higher id. For incremental exports use --since with a minute of overlap instead: with several processes a lower id may appear a little later."`
	Since    moment        `placeholder:"TIME" help:"Only notifications received at or after this time: 2026-11-22, 2026-11-22T01:02:03Z, or 24h or 30d for the time before now."`
	Until    moment        `placeholder:"TIME" help:"Only notifications received before this time."`
	Query    string        `placeholder:"QUERY" help:"Only notifications that match, such as 'object:Lead Amount>1000 -source:test'; docs/export.md has the language."`
	Format   string        `enum:"ndjson,csv" default:"ndjson" help:"The format: ${enum}."`
	Columns  []string      `placeholder:"NAME" help:"With --format csv: only these columns, separated by commas. A name is that of a column of the export without --columns, such as record_id, or of a field, such as Company."`
}

// Validate checks the flags that depend on each other. Kong calls it.
func (c *exportCmd) Validate() error {
	if len(c.Columns) > 0 && c.Format != "csv" {
		return errors.New("--columns needs --format csv: a line of JSON always has all fields")
	}
	return nil
}

// Run implements the command.
func (c *exportCmd) Run(ctx context.Context, t terminal) error {
	filter, err := c.filter()
	if err != nil {
		return usageError{err}
	}
	return c.Database.with(ctx, func(s *store.Store) error {
		out := bufio.NewWriterSize(t.out, 64<<10)
		export := c.writeNDJSON
		if c.Format == "csv" {
			export = c.writeCSV
		}
		err := export(t, out, func(write func(store.Notification) error) error {
			n := 0
			err := s.Notifications(ctx, filter, func(found store.Notification) error {
				n++
				return write(found)
			})
			if n == 0 && err == nil {
				t.say("%s", nothing)
			}
			return err
		})
		return errors.Join(err, out.Flush())
	})
}

// nothing is said on stderr by commands that find nothing to write to stdout.
const nothing = "nothing matched"

func (c *exportCmd) filter() (store.NotificationFilter, error) {
	filter := store.NotificationFilter{
		Source: c.Source, Object: c.Object, Record: c.Record,
		After: c.After, Since: c.Since.Time, Until: c.Until.Time,
	}
	var err error
	if filter.Query, err = parseQuery(c.Query); err != nil || c.Intake == "" {
		return filter, err
	}
	filter.Intake = new(ledger.Intake)
	return filter, filter.Intake.UnmarshalText([]byte(c.Intake))
}

// parseQuery parses a query that only notifications decide.
func parseQuery(text string) (query.Query, error) {
	q, err := query.Parse(text, time.Now())
	if err == nil {
		err = q.Only()
	}
	if err != nil {
		return query.Query{}, fmt.Errorf("--query: %w", err)
	}
	return q, nil
}

// export calls write for each notification.
type export func(write func(store.Notification) error) error

func (c *exportCmd) writeNDJSON(_ terminal, w io.Writer, all export) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false) // to write text as it was sent
	return all(func(n store.Notification) error { return encoder.Encode(n) })
}

func (c *exportCmd) writeCSV(t terminal, w io.Writer, all export) error {
	csv, err := newCSVExport(w, c.Columns)
	if err != nil {
		return err
	}
	n := 0
	err = all(func(found store.Notification) error {
		n++
		return csv.write(found)
	})
	if n > 0 {
		for _, name := range csv.unseen() {
			t.say("warning: no notification that was exported has a field %q", name)
		}
	}
	return errors.Join(err, csv.flush())
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
