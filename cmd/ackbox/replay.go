package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os/user"
	"sync"
	"sync/atomic"
	"time"

	"ackbox/internal/text"
	"ackbox/relay"
	"ackbox/store"
)

// replayCmd is the command replay.
type replayCmd struct {
	Database    databaseFlags `embed:""`
	Destination string        `required:"" placeholder:"NAME" help:"The destination that gets them."`
	Source      string        `placeholder:"NAME" help:"Only notifications of this source."`
	Object      string        `placeholder:"TYPE" help:"Only records of this object type, in any case."`
	Record      string        `placeholder:"ID" help:"Only the record with this id, in its form of 15 or of 18 characters."`
	Since       moment        `placeholder:"TIME" help:"Only notifications received at or after this time: 2026-11-22, 2026-11-22T01:02:03Z, or 24h or 30d for the time before now."`
	Until       moment        `placeholder:"TIME" help:"Only notifications received before this time."`
	Query       string        `placeholder:"QUERY" help:"Only notifications that match, in the language of docs/export.md."`
	Dead        bool          `help:"Try again what was given up, instead of what was delivered."`
	DryRun      bool          `help:"Only count what would be sent."`
	Rate        int           `placeholder:"N" help:"Send at most so many events a second."`
	Yes         bool          `help:"Do not ask."`
	Detach      bool          `help:"Do not wait for the end. Without it Ctrl-C ends the replay."`
	Cancel      int64         `placeholder:"ID" help:"End the replay with this id instead."`
	List        bool          `help:"List the replays of the destination instead, the newest first."`
	JSON        bool          `name:"json" help:"Print JSON, one replay a line."`

	log *slog.Logger
}

// Validate checks the flags that depend on each other. Kong calls it.
func (c *replayCmd) Validate() error {
	selects := c.selection() != (store.Selection{})
	switch {
	case c.Dead && selects:
		return errors.New("--dead tries everything again that was given up: omit what selects")
	case c.Dead && c.Rate != 0:
		return errors.New("--rate is for what was delivered; what was given up is tried again at the rate of " +
			"the destination")
	case (c.List || c.Cancel != 0) && (c.Dead || c.DryRun || selects):
		return errors.New("--list and --cancel go with nothing else")
	case c.Rate < 0:
		return errors.New("--rate must not be negative")
	}
	return nil
}

func (c *replayCmd) selection() store.Selection {
	return store.Selection{
		Source: c.Source, Object: c.Object, Record: c.Record, Since: c.Since.Time, Until: c.Until.Time,
		Query: c.Query,
	}
}

// Run implements the command.
func (c *replayCmd) Run(ctx context.Context, t terminal, log *slog.Logger) error {
	c.log = log
	if _, err := parseQuery(c.Query); err != nil {
		return usageError{err}
	}
	return c.Database.with(ctx, func(s *store.Store) error {
		d, err := s.Destination(ctx, c.Destination)
		switch {
		case err != nil:
			return noDestination(err, c.Destination)
		case c.List:
			return c.list(ctx, t, s, d)
		case c.Cancel != 0:
			return c.cancel(ctx, t, s, c.Cancel)
		case c.Dead:
			return c.revive(ctx, t, s, d)
		}
		return c.replay(ctx, t, s, d)
	})
}

// replay counts what is selected, asks, and sends it.
func (c *replayCmd) replay(ctx context.Context, t terminal, s *store.Store, d store.Destination) error {
	filter, err := relay.CompileFilter(d.Filter)
	if err != nil {
		return fmt.Errorf("destination %s: %w", d.Name, err)
	}
	now := time.Now()
	// What the cursor has not reached is still to be delivered for the first time.
	r := store.Replay{Selection: c.selection(), To: d.Progress.Cursor, Rate: c.Rate, By: whoAsks(), CreatedAt: now}
	if r.Total, err = relay.CountReplay(ctx, s, d, filter, r); err != nil {
		return err
	}
	counted := text.Count(r.Total, "notification", "notifications")
	switch {
	case c.DryRun && c.JSON:
		return json.NewEncoder(t.out).Encode(map[string]int64{"total": r.Total})
	case c.DryRun:
		_, err := fmt.Fprintf(t.out, "%s would be sent to %s\n", counted, d.Name)
		return err
	case r.Total == 0:
		t.say("%s", nothing)
		return nil
	}
	if err := c.confirm(t, fmt.Sprintf("Send %s to %s again?", counted, d.Name)); err != nil {
		return err
	}
	added, err := s.AddReplay(ctx, d.Name, r, "", now)
	if err != nil {
		return err
	}
	c.log.Info("replay begun", "destination", d.Name, "replay", added.ID, "total", r.Total, "by", r.By)
	if d.State != store.Active {
		t.say("the destination is %s: the replay waits until it is active", d.State)
	}
	if c.Detach || d.State != store.Active {
		return c.print(t, added)
	}
	return c.wait(ctx, t, s, added.ID)
}

// replayPoll is how often a replay is looked at while the command waits for it.
const replayPoll = 200 * time.Millisecond

// wait waits until the replay has ended. If the context ends first, it ends the replay.
func (c *replayCmd) wait(ctx context.Context, t terminal, s *store.Store, id int64) error {
	var line atomic.Value
	line.Store("")
	stop := sync.OnceFunc(showProgress(t, func() string { return line.Load().(string) }))
	defer stop()
	ticker := time.NewTicker(replayPoll)
	defer ticker.Stop()
	for {
		r, err := s.Replay(context.WithoutCancel(ctx), id)
		if err != nil {
			return err
		}
		line.Store(replayText(r))
		if r.State != store.ReplayRunning {
			stop()
			return c.print(t, r)
		}
		select {
		case <-ctx.Done():
			stop()
			return errors.Join(c.cancel(context.WithoutCancel(ctx), t, s, id), context.Cause(ctx))
		case <-ticker.C:
		}
	}
}

func (c *replayCmd) cancel(ctx context.Context, t terminal, s *store.Store, id int64) error {
	err := s.CancelReplay(ctx, id, "cancelled by "+whoAsks(), time.Now())
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("there is no replay %d that runs; --list shows them", id)
	}
	if err != nil {
		return err
	}
	c.log.Info("replay cancelled", "replay", id, "by", whoAsks())
	r, err := s.Replay(ctx, id)
	if err != nil {
		return err
	}
	return c.print(t, r)
}

func (c *replayCmd) list(ctx context.Context, t terminal, s *store.Store, d store.Destination) error {
	all, err := s.Replays(ctx, d.ID)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		t.say("%s", nothing)
	}
	for _, r := range all {
		if err := c.print(t, r); err != nil {
			return err
		}
	}
	return nil
}

// revive tries again what was given up.
func (c *replayCmd) revive(ctx context.Context, t terminal, s *store.Store, d store.Destination) error {
	dead, err := s.CountDeliveries(ctx, d.ID, store.Dead)
	counted := text.Count(dead, "notification", "notifications")
	switch {
	case err != nil:
		return err
	case c.DryRun && c.JSON:
		return json.NewEncoder(t.out).Encode(map[string]int64{"total": dead})
	case c.DryRun:
		_, err := fmt.Fprintf(t.out, "%s would be tried again at %s\n", counted, d.Name)
		return err
	case dead == 0:
		t.say("%s", nothing)
		return nil
	}
	if err := c.confirm(t, fmt.Sprintf("Try %s again at %s?", counted, d.Name)); err != nil {
		return err
	}
	revived, err := s.ReviveDead(ctx, d.Name, time.Now())
	if err != nil {
		return err
	}
	c.log.Info("dead deliveries revived", "destination", d.Name, "total", revived, "by", whoAsks())
	if c.JSON {
		return json.NewEncoder(t.out).Encode(map[string]int64{"total": revived})
	}
	_, err = fmt.Fprintf(t.out, "%s due again; see ackbox deliveries --destination %s\n",
		text.Count(revived, "notification is", "notifications are"), d.Name)
	return err
}

// confirm asks a person at the terminal; where nobody can answer, --yes is needed.
func (c *replayCmd) confirm(t terminal, question string) error {
	if c.Yes {
		return nil
	}
	return confirm(t, question)
}

func (c *replayCmd) print(t terminal, r store.Replay) error {
	if c.JSON {
		return json.NewEncoder(t.out).Encode(r)
	}
	_, err := fmt.Fprintln(t.out, replayText(r))
	return err
}

// replayText says in a line how far a replay is.
func replayText(r store.Replay) string {
	line := fmt.Sprintf("replay %d %s: %d of %d sent", r.ID, r.State, r.Delivered, r.Total)
	for _, count := range []struct {
		n    int64
		what string
	}{{r.Failed, "failed, to be tried again"}, {r.Skipped, "skipped"}} {
		if count.n > 0 {
			line += fmt.Sprintf(", %d %s", count.n, count.what)
		}
	}
	return line
}

// whoAsks returns the user who runs the command, for the record.
func whoAsks() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}
