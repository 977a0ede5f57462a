package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"ackbox/ledger"
	"ackbox/store"
)

// refusalsCmd is the command refusals.
type refusalsCmd struct {
	Database databaseFlags `embed:""`
	Source   string        `placeholder:"NAME" help:"Only refusals of this source."`
	Since    moment        `placeholder:"TIME" help:"Only refusals at or after this time: 2026-11-22, 2026-11-22T01:02:03Z, or 24h or 30d for the time before now."`
	Counts   bool          `help:"Print the number of refusals per cause and day (UTC) instead. Only samples of frequent refusals are listed, but all are counted."`
	JSON     bool          `name:"json" help:"Print one line of JSON for each refusal or count."`
}

// Run implements the command.
func (c *refusalsCmd) Run(ctx context.Context, t terminal) error {
	filter := store.RefusalFilter{Source: c.Source, Since: c.Since.Time}
	return c.Database.with(ctx, func(s *store.Store) error {
		if c.Counts {
			return c.printCounts(ctx, t, s, filter)
		}
		return c.printRefusals(ctx, t, s, filter)
	})
}

func (c *refusalsCmd) printRefusals(
	ctx context.Context, t terminal, s *store.Store, filter store.RefusalFilter,
) error {
	if c.JSON {
		encoder := json.NewEncoder(t.out)
		return s.Refusals(ctx, filter, func(r store.Refusal) error { return encoder.Encode(r) })
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TIME\tSOURCE\tSTATUS\tCAUSE\tFROM\tREQUEST\tDETAIL")
	err := s.Refusals(ctx, filter, func(r store.Refusal) error {
		_, err := fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%s\n", ledger.FormatTime(r.At), r.Source,
			r.Status, r.Cause, r.RemoteAddr, r.RequestID, position(r)+r.Detail)
		return err
	})
	return errors.Join(err, w.Flush())
}

func (c *refusalsCmd) printCounts(
	ctx context.Context, t terminal, s *store.Store, filter store.RefusalFilter,
) error {
	counts, err := s.RefusalCounts(ctx, filter)
	if err != nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(t.out)
		return each(counts, func(n store.RefusalCount) error { return encoder.Encode(n) })
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DAY\tSOURCE\tSTATUS\tCAUSE\tREFUSALS")
	for _, n := range counts {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%d\n", n.Day.Format(time.DateOnly), cmp.Or(n.Source, "-"),
			n.Status, n.Cause, n.Refusals)
	}
	return w.Flush()
}

// position returns the position of the error in the body, or "".
func position(r store.Refusal) string {
	if r.Line == 0 {
		return ""
	}
	return fmt.Sprintf("line %d, column %d: ", r.Line, r.Column)
}
