package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alecthomas/kong"

	"ackbox/internal/secret"
	"ackbox/internal/text"
	"ackbox/store"
)

type destinationEditCmd struct {
	namedDestination `embed:""`
	Secrets          secretFlags   `embed:""`
	Delivery         deliveryFlags `embed:""`
	ForKind          kindFlags     `embed:""`
	NoTest           bool          `name:"no-test" help:"Do not send a test event before the destination is changed."`
}

// Run implements the command. Where the events go is tried before it is stored.
func (c *destinationEditCmd) Run(ctx context.Context, t terminal, command *kong.Context) error {
	return c.with(ctx, func(s *store.Store, d store.Destination) error {
		k, err := kindNamed(d.Kind)
		if err != nil {
			return err
		}
		if err := k.checkFlags(d.Kind, command); err != nil {
			return err
		}
		if err := c.Delivery.applyChecked(ctx, s, &d); err != nil {
			return err
		}
		change := func(d *store.Destination) error {
			c.Delivery.apply(d)
			return nil
		}
		if given(k, command) {
			if change, err = c.reconfigure(ctx, t, s, k, &d); err != nil {
				return err
			}
		}
		if _, err := s.EditDestination(ctx, d.Name, change); err != nil {
			return noDestination(err, d.Name)
		}
		t.say("destination %s changed", d.Name)
		return nil
	})
}

// given reports whether a flag of a kind was given.
func given(k *kind, command *kong.Context) bool {
	for _, part := range command.Path {
		for _, name := range k.flags {
			if part.Flag != nil && part.Flag.Name == name {
				return true
			}
		}
	}
	return false
}

// reconfigure tries the changed settings and secrets, and returns the change with them.
func (c *destinationEditCmd) reconfigure(
	ctx context.Context, t terminal, s *store.Store, k *kind, d *store.Destination,
) (change func(*store.Destination) error, err error) {
	keys, err := c.Secrets.keysToSeal(t, s)
	if err != nil {
		return nil, err
	}
	config, err := reconfigured(k, &c.ForKind, d, keys)
	if err != nil {
		return nil, err
	}
	if !c.NoTest {
		verdict, err := config.try(ctx, d, time.Now())
		if err == nil {
			err = refusal(verdict)
		}
		if err != nil {
			return nil, fmt.Errorf("not changed: it did not take the test event: %w; --no-test changes it all the same", err)
		}
	}
	return func(d *store.Destination) error { // as it is now: another may have changed it meanwhile
		config, err := reconfigured(k, &c.ForKind, d, keys)
		if err != nil {
			return err
		}
		c.Delivery.apply(d)
		return config.seal(d, keys)
	}, nil
}

// reconfigured returns the configuration of a destination, changed as flags say. Secrets whose key
// is lost are begun anew.
func reconfigured(
	k *kind, flags *kindFlags, d *store.Destination, keys *secret.Keys,
) (*configuration, error) {
	config, err := configurationOf(d, keys)
	if errors.Is(err, secret.ErrOtherKey) && flags.replacesSecrets() {
		config, err = &configuration{settings: d.Settings, secrets: map[string]string{}}, nil
	}
	if err != nil {
		return nil, err
	}
	if err := k.configure(flags, config); err != nil {
		return nil, usageError{err}
	}
	return config, nil
}

// replacesSecrets reports whether the flags have the secrets that a destination needs.
func (f *kindFlags) replacesSecrets() bool { return f.URL != nil && f.Webhook.Secret != nil }

type destinationRotateCmd struct {
	namedDestination `embed:""`
	Secrets          secretFlags   `embed:""`
	Secret           string        `placeholder:"REF" help:"The new secret: env:NAME, file:PATH or whsec_… itself (default: one is made and printed once)."`
	Keep             time.Duration `default:"48h" help:"How long events are signed with the old secret, too; 0 ends that at once."`
	JSON             bool          `name:"json" help:"Print the name, the kind and a secret that was made as one line of JSON."`
}

// Run implements the command.
func (c *destinationRotateCmd) Run(ctx context.Context, t terminal) error {
	return c.with(ctx, func(s *store.Store, d store.Destination) error {
		k, err := kindNamed(d.Kind)
		if err != nil {
			return err
		}
		if k.newSecret == nil {
			return usageError{fmt.Errorf("destination %s is a %s, which has no secret to rotate", d.Name, d.Kind)}
		}
		keys, err := c.Secrets.keysToSeal(t, s)
		if err != nil {
			return err
		}
		next, made := c.Secret, ""
		if next == "" {
			made = k.newSecret()
			next = made
		}
		until := time.Now().Add(c.Keep)
		_, err = s.EditDestination(ctx, d.Name, func(d *store.Destination) error {
			config, err := configurationOf(d, keys)
			if err == nil {
				err = config.rotate(next, k.checkSecret, until)
			}
			if err != nil {
				return err
			}
			return config.seal(d, keys)
		})
		if err != nil {
			return noDestination(err, d.Name)
		}
		if c.Keep > 0 {
			t.say("events to %s are signed with the old secret, too, until %s", d.Name, until.UTC().Format(time.RFC3339))
		}
		return printSecret(t, d.Name, d.Kind, made, c.JSON)
	})
}

// rotate replaces the secret, and keeps the present one until a time.
func (c *configuration) rotate(next string, check func(text string) error, until time.Time) error {
	present := c.secrets[secretKey]
	if err := c.replaceSecret(next, check); err != nil {
		return usageError{err}
	}
	c.secrets[secretBefore], c.secrets[secretUntil] = present, until.UTC().Format(time.RFC3339)
	return nil
}

type destinationReencryptCmd struct {
	Database databaseFlags `embed:""`
	Secrets  secretFlags   `embed:""`
}

// Run implements the command.
func (c *destinationReencryptCmd) Run(ctx context.Context, t terminal) error {
	return c.Database.with(ctx, func(s *store.Store) error {
		all, err := s.Destinations(ctx)
		if err != nil {
			return err
		}
		keys, err := c.Secrets.keysToSeal(t, s)
		if err != nil {
			return err
		}
		var n int64
		for _, d := range all {
			if len(d.Secret) == 0 || keys.Current(d.Secret) {
				continue
			}
			_, err := s.EditDestination(ctx, d.Name, func(d *store.Destination) error {
				config, err := configurationOf(d, keys)
				if err != nil {
					return err
				}
				return config.seal(d, keys)
			})
			if err != nil {
				return err
			}
			n++
		}
		t.say("the secrets of %s encrypted again; the first key now reads all", text.Count(n, "destination", "destinations"))
		return nil
	})
}
