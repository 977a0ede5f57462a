package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ackbox/internal/text"
	"ackbox/store"
)

// destinationCmd is the command destination.
type destinationCmd struct {
	Add       destinationAddCmd       `cmd:"" help:"Add a destination: what is stored goes there, too."`
	List      destinationListCmd      `cmd:"" help:"List the destinations, with what waits for each."`
	Show      destinationShowCmd      `cmd:"" help:"Show all of a destination but its secrets."`
	Edit      destinationEditCmd      `cmd:"" help:"Change what is given; a filter counts from what is delivered next."`
	Test      destinationTestCmd      `cmd:"" help:"Send a test event without data of a record."`
	Pause     destinationPauseCmd     `cmd:"" help:"Deliver nothing for a while. What is stored meanwhile waits."`
	Resume    destinationResumeCmd    `cmd:"" help:"Deliver again after a pause, beginning with what waits."`
	Disable   destinationDisableCmd   `cmd:"" help:"Deliver nothing until it is enabled. What is stored meanwhile waits."`
	Enable    destinationEnableCmd    `cmd:"" help:"Deliver again, beginning with what waits."`
	Rotate    destinationRotateCmd    `cmd:"" help:"Give a webhook a new secret. Events are signed with the old one, too, for a while."`
	Reencrypt destinationReencryptCmd `cmd:"" help:"Encrypt all secrets with the first key of ACKBOX_SECRET_KEY, so that the second is not needed any more."`
	Remove    destinationRemoveCmd    `cmd:"" help:"Remove a destination. What waits for it is not delivered any more."`
}

// namedDestination holds the arguments of the subcommands for one destination.
type namedDestination struct {
	Database databaseFlags `embed:""`
	Name     string        `arg:"" help:"The name of the destination."`
}

// with opens the database and calls do with the destination.
func (n *namedDestination) with(
	ctx context.Context, do func(s *store.Store, d store.Destination) error,
) error {
	return n.Database.with(ctx, func(s *store.Store) error {
		d, err := s.Destination(ctx, n.Name)
		if err != nil {
			return noDestination(err, n.Name)
		}
		return do(s, d)
	})
}

// noDestination returns an error with the way to the name that was meant.
func noDestination(err error, name string) error {
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("no destination is named %q; ackbox destination list shows all", name)
	}
	return err
}

// setState changes the state of a destination from one of those in which that means something.
func (n *namedDestination) setState(
	ctx context.Context, t terminal, state store.DestinationState, reason string, from ...store.DestinationState,
) error {
	return n.with(ctx, func(s *store.Store, d store.Destination) error {
		if err := requireState(&d, state, from); err != nil {
			return err
		}
		if err := s.SetDestinationState(ctx, d.Name, state, reason); err != nil {
			return noDestination(err, d.Name)
		}
		t.say("destination %s is %s", d.Name, state)
		return nil
	})
}

// requireState returns an error that names the right command, unless the destination is in the
// state already or in one of the others.
func requireState(d *store.Destination, state store.DestinationState, from []store.DestinationState) error {
	for _, allowed := range append(from, state) {
		if d.State == allowed {
			return nil
		}
	}
	how := map[store.DestinationState]string{store.Paused: "resume", store.Disabled: "enable"}[d.State]
	if how == "" {
		return fmt.Errorf("destination %s is %s", d.Name, d.State)
	}
	return fmt.Errorf("destination %s is %s; run ackbox destination %s %s", d.Name, d.State, how, d.Name)
}

type destinationPauseCmd struct {
	namedDestination `embed:""`
}

// Run implements the command.
func (c *destinationPauseCmd) Run(ctx context.Context, t terminal) error {
	return c.setState(ctx, t, store.Paused, "paused by ackbox destination pause", store.Active)
}

type destinationResumeCmd struct {
	namedDestination `embed:""`
}

// Run implements the command.
func (c *destinationResumeCmd) Run(ctx context.Context, t terminal) error {
	return c.setState(ctx, t, store.Active, "", store.Paused)
}

type destinationDisableCmd struct {
	namedDestination `embed:""`
}

// Run implements the command.
func (c *destinationDisableCmd) Run(ctx context.Context, t terminal) error {
	return c.setState(ctx, t, store.Disabled, "disabled by ackbox destination disable", store.Active, store.Paused)
}

type destinationEnableCmd struct {
	namedDestination `embed:""`
}

// Run implements the command.
func (c *destinationEnableCmd) Run(ctx context.Context, t terminal) error {
	return c.setState(ctx, t, store.Active, "", store.Disabled)
}

type destinationRemoveCmd struct {
	namedDestination `embed:""`
	Yes              bool `help:"Do not ask."`
}

// Run implements the command.
func (c *destinationRemoveCmd) Run(ctx context.Context, t terminal) error {
	return c.with(ctx, func(s *store.Store, d store.Destination) error {
		if !c.Yes {
			n, err := s.CountNotifications(ctx, store.NotificationFilter{After: d.Progress.Cursor})
			if err != nil {
				return err
			}
			err = confirm(t, fmt.Sprintf("Remove destination %s? It does not get what waits: %s.", d.Name,
				text.Count(n, "notification", "notifications")))
			if err != nil {
				return err
			}
		}
		if err := s.RemoveDestination(ctx, d.Name, time.Now()); err != nil {
			return noDestination(err, d.Name)
		}
		t.say("destination %s removed", d.Name)
		return nil
	})
}

type destinationTestCmd struct {
	namedDestination `embed:""`
	Secrets          secretFlags `embed:""`
}

// Run implements the command.
func (c *destinationTestCmd) Run(ctx context.Context, t terminal) error {
	return c.with(ctx, func(s *store.Store, d store.Destination) error {
		keys, err := c.Secrets.keys(s)
		if err != nil {
			return err
		}
		config, err := configurationOf(&d, keys)
		if err != nil {
			return err
		}
		verdict, err := config.try(ctx, &d, time.Now())
		if err != nil {
			return err
		}
		if err := refusal(verdict); err != nil {
			return fmt.Errorf("destination %s did not take the test event: %w", d.Name, err)
		}
		t.say("destination %s took the test event in %s", d.Name, verdict.Took.Round(time.Millisecond))
		return nil
	})
}
