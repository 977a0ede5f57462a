package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/alecthomas/kong"

	"ackbox/internal/secret"
	"ackbox/internal/text"
	"ackbox/relay"
	"ackbox/store"
)

// deliveryFlags say what a destination gets, and how. Those that were not given are nil.
type deliveryFlags struct {
	Source []string        `placeholder:"NAME" sep:"none" help:"Only what came to this source. May be repeated; an empty name is all."`
	Object []string        `placeholder:"TYPE" sep:"none" help:"Only records of this object type, in any case. May be repeated; an empty type is all."`
	Filter *string         `placeholder:"EXPR" help:"Only what this expression is true for, such as 'object == \"Lead\" && fields.Amount > 1000'; docs/filters.md has the language."`
	Order  *store.Ordering `placeholder:"none" help:"The order: none (as it comes), record (those of a record one after the other) or latest (record, and what is older than what was delivered is skipped)."`
	Rate   *int            `placeholder:"N" help:"At most so many events a second; 0 is no limit."`
	GiveUp *time.Duration  `placeholder:"72h" help:"Give up an event that is refused for this long."`
}

const (
	defaultGiveUp = 72 * time.Hour
	minGiveUp     = time.Second
)

// apply changes a destination as the flags say.
func (f *deliveryFlags) apply(d *store.Destination) {
	if f.Source != nil {
		d.Filter.Sources = nonEmpty(f.Source)
	}
	if f.Object != nil {
		d.Filter.Objects = nonEmpty(f.Object)
	}
	set(&d.Filter.Expression, f.Filter)
	set(&d.Ordering, f.Order)
	set(&d.Rate, f.Rate)
	set(&d.GiveUp, f.GiveUp)
}

// applyChecked changes a destination, and returns an error for what cannot be meant.
func (f *deliveryFlags) applyChecked(ctx context.Context, s *store.Store, d *store.Destination) error {
	f.apply(d)
	switch {
	case d.Rate < 0:
		return usageError{errors.New("--rate must not be negative")}
	case d.GiveUp < minGiveUp:
		return usageError{errors.New("--give-up must be at least 1s")}
	}
	if _, err := relay.CompileFilter(d.Filter); err != nil {
		return usageError{fmt.Errorf("--filter: %w", err)}
	}
	if f.Source == nil {
		return nil
	}
	return checkSources(ctx, s, d.Filter.Sources)
}

func nonEmpty(list []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == "" })
}

// checkSources returns an error for a name that no source has.
func checkSources(ctx context.Context, s *store.Store, names []string) error {
	sources, err := s.Sources(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !slices.ContainsFunc(sources, func(s store.Source) bool { return s.Name == name }) {
			return fmt.Errorf("no source is named %q; ackbox source list shows all", name)
		}
	}
	return nil
}

type destinationAddCmd struct {
	namedDestination `embed:""`
	Secrets          secretFlags   `embed:""`
	Kind             string        `required:"" help:"The way in which it gets events: webhook."`
	From             string        `default:"now" placeholder:"WHERE" help:"Begin with what is stored from now on, with the beginning, or after the notification with this id: now, beginning or ID."`
	Delivery         deliveryFlags `embed:""`
	ForKind          kindFlags     `embed:""`
	NoTest           bool          `name:"no-test" help:"Do not send a test event before the destination is added."`
	DryRun           time.Duration `placeholder:"7d" help:"Add nothing: say how many of the notifications of this time it would have got."`
	Yes              bool          `help:"Do not ask, however many notifications it gets at once."`
	JSON             bool          `name:"json" help:"Print the name, the kind and a secret that was made as one line of JSON. Nothing is asked."`
}

// Run implements the command.
func (c *destinationAddCmd) Run(ctx context.Context, t terminal, command *kong.Context) error {
	k, err := kindNamed(c.Kind)
	if err != nil {
		return usageError{err}
	}
	if err := k.checkFlags(c.Kind, command); err != nil {
		return err
	}
	return c.Database.withNew(ctx, func(s *store.Store) error {
		d := store.Destination{Name: c.Name, Kind: c.Kind, GiveUp: defaultGiveUp}
		if err := c.Delivery.applyChecked(ctx, s, &d); err != nil {
			return err
		}
		if c.DryRun > 0 {
			return c.dryRun(ctx, t, s, &d)
		}
		return c.add(ctx, t, s, k, d)
	})
}

func (c *destinationAddCmd) add(
	ctx context.Context, t terminal, s *store.Store, k *kind, d store.Destination,
) error {
	config := &configuration{secrets: map[string]string{}}
	if err := k.configure(&c.ForKind, config); err != nil {
		return usageError{err}
	}
	if err := c.requireFree(ctx, s); err != nil {
		return err
	}
	start, err := c.start(ctx, t, s)
	if err != nil {
		return err
	}
	d.Start = start
	if err := c.seal(t, s, config, &d); err != nil {
		return err
	}
	if !c.NoTest {
		if err := c.test(ctx, t, config, &d); err != nil {
			return err
		}
	}
	if _, err := s.AddDestination(ctx, d, time.Now()); err != nil {
		return err
	}
	t.say("destination %s added", d.Name)
	return printSecret(t, d.Name, d.Kind, config.made, c.JSON)
}

// requireFree returns an error if the name is taken, before anything is sent.
func (c *destinationAddCmd) requireFree(ctx context.Context, s *store.Store) error {
	_, err := s.Destination(ctx, c.Name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("destination %q: %w; change it with ackbox destination edit", c.Name, store.ErrExists)
}

// seal encrypts the secrets, if there are any.
func (c *destinationAddCmd) seal(
	t terminal, s *store.Store, config *configuration, d *store.Destination,
) error {
	var keys *secret.Keys
	if len(config.secrets) > 0 {
		var err error
		if keys, err = c.Secrets.keysToSeal(t, s); err != nil {
			return err
		}
	}
	return config.seal(d, keys)
}

// test tries the connection. A receiver that verifies signatures cannot accept a secret that it has
// not been told yet, so its refusal is no reason not to add the destination.
func (c *destinationAddCmd) test(
	ctx context.Context, t terminal, config *configuration, d *store.Destination,
) error {
	verdict, err := config.try(ctx, d, time.Now())
	if err != nil {
		return err
	}
	refused := refusal(verdict)
	switch {
	case refused == nil:
		return nil
	case config.made != "" && verdict.Outcome == relay.Rejected:
		t.say("the receiver refused the test event, as it does not know the secret yet: %v; "+
			"when it does, run ackbox destination test %s", refused, d.Name)
		return nil
	}
	return fmt.Errorf("not added: it did not take the test event: %w; --no-test adds it all the same", refused)
}

// manyAtOnce is how many notifications a destination may get at once without a question.
const manyAtOnce = 1000

// start returns the id after which the destination begins.
func (c *destinationAddCmd) start(ctx context.Context, t terminal, s *store.Store) (int64, error) {
	var start int64
	switch c.From {
	case "now":
		reader, err := s.NotificationLog().Reader(ctx)
		if err != nil {
			return 0, err
		}
		return reader.End(ctx)
	case "beginning":
	default:
		id, err := strconv.ParseInt(c.From, 10, 64)
		if err != nil || id < 0 {
			return 0, usageError{fmt.Errorf("--from %q is not now, beginning or an id", c.From)}
		}
		start = id
	}
	n, err := s.CountNotifications(ctx, store.NotificationFilter{After: start})
	if err != nil {
		return 0, err
	}
	count := text.Count(n, "notification", "notifications")
	if n > manyAtOnce && !c.Yes && !c.JSON {
		return start, confirm(t, fmt.Sprintf("%s are stored already. Deliver them, as far as they are wanted?", count))
	}
	t.say("it begins with what is stored: %s, as far as they are wanted", count)
	return start, nil
}

// dryRun says how many of the notifications of some time the destination would have got.
func (c *destinationAddCmd) dryRun(
	ctx context.Context, t terminal, s *store.Store, d *store.Destination,
) error {
	wants, err := relay.CompileFilter(d.Filter)
	if err != nil {
		return err
	}
	var counts struct {
		Notifications int64 `json:"notifications"`
		Wanted        int64 `json:"wanted"`
		Unmatched     int64 `json:"unmatched"`
	}
	since := time.Now().Add(-c.DryRun)
	err = s.Notifications(ctx, store.NotificationFilter{Since: since}, func(n store.Notification) error {
		wanted, err := wants(&n)
		switch {
		case err != nil:
			counts.Unmatched++
		case wanted:
			counts.Wanted++
		}
		counts.Notifications++
		return nil
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(t.out).Encode(counts)
	}
	_, err = fmt.Fprintf(t.out, "%d of %s since %s would have gone to it\n", counts.Wanted,
		text.Count(counts.Notifications, "notification", "notifications"), since.UTC().Format(time.RFC3339))
	if counts.Unmatched > 0 {
		t.say("the filter cannot be computed for %d of them, as when text is compared with a number: "+
			"these are not wanted", counts.Unmatched)
	}
	return err
}

// printSecret prints a secret that was made, which is stored only encrypted.
func printSecret(t terminal, name, kind, made string, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(t.out).Encode(struct {
			Name   string `json:"name"`
			Kind   string `json:"kind"`
			Secret string `json:"secret,omitempty"`
		}{name, kind, made})
	}
	if made == "" {
		return nil
	}
	t.say("give the receiver this secret, which verifies the events; it is not shown again:")
	_, err := fmt.Fprintln(t.out, made)
	return err
}
