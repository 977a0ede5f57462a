package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
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
		print := c.printRefusals
		if c.Counts {
			print = c.printCounts
		}
		n, err := print(ctx, t, s, filter)
		if n == 0 && err == nil {
			t.say("%s", nothing)
		}
		return err
	})
}

// printRefusals prints the refusals and returns how many there are.
func (c *refusalsCmd) printRefusals(
	ctx context.Context, t terminal, s *store.Store, filter store.RefusalFilter,
) (n int, err error) {
	if c.JSON {
		encoder := json.NewEncoder(t.out)
		err = s.Refusals(ctx, filter, func(r store.Refusal) error {
			n++
			return encoder.Encode(r)
		})
		return n, err
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TIME\tSOURCE\tRESULT\tSTATUS\tCAUSE\tORGANIZATION\tACTION\tOBJECT\tNOTIFICATIONS\t"+
		"FROM\tREQUEST\tDETAIL")
	err = s.Refusals(ctx, filter, func(r store.Refusal) error {
		n++
		_, err := fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", ledger.FormatTime(r.At), r.Source,
			verdict(r.Reported), r.Status, r.Cause, cmp.Or(r.OrganizationID, "-"), cmp.Or(r.ActionID, "-"),
			cmp.Or(r.ObjectType, "-"), read(r.Notifications), r.RemoteAddr, r.RequestID, position(r)+r.Detail)
		return err
	})
	return n, errors.Join(err, w.Flush())
}

// printCounts prints the counts and returns how many there are.
func (c *refusalsCmd) printCounts(
	ctx context.Context, t terminal, s *store.Store, filter store.RefusalFilter,
) (int, error) {
	counts, err := s.RefusalCounts(ctx, filter)
	if err != nil {
		return 0, err
	}
	if c.JSON {
		encoder := json.NewEncoder(t.out)
		err := each(counts, func(n store.RefusalCount) error { return encoder.Encode(n) })
		return len(counts), err
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DAY\tSOURCE\tRESULT\tSTATUS\tCAUSE\tREFUSALS")
	for _, n := range counts {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%d\n", n.Day.Format(time.DateOnly), cmp.Or(n.Source, "-"),
			verdict(n.Reported), n.Status, n.Cause, n.Refusals)
	}
	return len(counts), w.Flush()
}

// verdict returns what became of a message: a check in report mode only reports what it would
// refuse.
func verdict(reported bool) string {
	if reported {
		return "reported"
	}
	return "refused"
}

// read returns the number of notifications that were read, "-" for none.
func read(notifications int) string {
	if notifications == 0 {
		return "-"
	}
	return strconv.Itoa(notifications)
}

// position returns the position of the error in the body, or "".
func position(r store.Refusal) string {
	if r.Line == 0 {
		return ""
	}
	return fmt.Sprintf("line %d, column %d: ", r.Line, r.Column)
}
