package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"ackbox/store"
)

// sourceCmd is the command source.
type sourceCmd struct {
	Add     sourceAddCmd     `cmd:"" help:"Add a source and print its URL, which is not shown again."`
	List    sourceListCmd    `cmd:"" help:"List the sources."`
	Rotate  sourceRotateCmd  `cmd:"" help:"Give a source a new URL. The old one remains valid for a while."`
	Disable sourceDisableCmd `cmd:"" help:"Refuse messages to a source until it is enabled."`
	Enable  sourceEnableCmd  `cmd:"" help:"Accept messages to a source again."`
	Allow   sourceAllowCmd   `cmd:"" help:"Allow an organization to post to a source. Those not allowed are refused."`
	Deny    sourceDenyCmd    `cmd:"" help:"Remove an organization from those that may post to a source."`
	Remove  sourceRemoveCmd  `cmd:"" help:"Remove a source that has no notifications."`
}

// namedSource holds the arguments of every subcommand except list.
type namedSource struct {
	Database databaseFlags `embed:""`
	Name     string        `arg:"" help:"The name of the source."`
}

// change calls do and reports what it did.
func (n *namedSource) change(
	ctx context.Context, t terminal, done string, do func(s *store.Store) error,
) error {
	return n.Database.with(ctx, func(s *store.Store) error {
		if err := do(s); err != nil {
			return err
		}
		t.say("source %s %s", n.Name, done)
		return nil
	})
}

type sourceAddCmd struct {
	namedSource `embed:""`
	Public      publicFlags `embed:""`
	Org         []string    `placeholder:"ID" sep:"none" help:"The id of an organization that may post (00D…; default: any). May be repeated."`
	Force       bool        `help:"Accept an --org that is not the id of an organization."`
	JSON        bool        `name:"json" help:"Print the name, path and token as one line of JSON."`
}

// Run implements the command.
func (c *sourceAddCmd) Run(ctx context.Context, t terminal) error {
	if err := checkOrganizations(t, c.Force, c.Org...); err != nil {
		return err
	}
	return c.Database.withNew(ctx, func(s *store.Store) error {
		source, token, err := s.AddSource(ctx, c.Name, c.Org, time.Now())
		if err != nil {
			return err
		}
		if len(source.Organizations) == 0 {
			t.say("any organization may post until one is allowed: ackbox source allow %s --org ID", c.Name)
		}
		return printToken(t, c.Name, token, c.Public, c.JSON)
	})
}

// printToken prints the URL with a new token. The database only has the digest of the token.
func printToken(t terminal, name, token string, public publicFlags, asJSON bool) error {
	t.say("paste the URL into Setup > Outbound Messages > Endpoint URL; it is not shown again:")
	if !asJSON {
		if public.isGuess() {
			t.say("(it begins with localhost as a guess: " +
				"set PUBLIC_URL to the address that Salesforce reaches)")
		}
		_, err := fmt.Fprintln(t.out, public.url(token))
		return err
	}
	return json.NewEncoder(t.out).Encode(struct {
		Name  string `json:"name"`
		Path  string `json:"path"`
		Token string `json:"token"`
	}{name, path(token), token})
}

type sourceRotateCmd struct {
	namedSource `embed:""`
	Public      publicFlags   `embed:""`
	Keep        time.Duration `default:"48h" help:"How long the old URL remains valid; 0 revokes it at once."`
	JSON        bool          `name:"json" help:"Print the name, path and token as one line of JSON."`
}

// Run implements the command.
func (c *sourceRotateCmd) Run(ctx context.Context, t terminal) error {
	return c.Database.with(ctx, func(s *store.Store) error {
		token, err := s.RotateToken(ctx, c.Name, c.Keep, time.Now())
		if err != nil {
			return err
		}
		t.say("the old URL of %s is valid until %s", c.Name,
			time.Now().Add(c.Keep).UTC().Format(time.RFC3339))
		return printToken(t, c.Name, token, c.Public, c.JSON)
	})
}

type sourceDisableCmd struct {
	namedSource `embed:""`
}

// Run implements the command.
func (c *sourceDisableCmd) Run(ctx context.Context, t terminal) error {
	return c.change(ctx, t, "disabled", func(s *store.Store) error {
		return s.DisableSource(ctx, c.Name, time.Now())
	})
}

type sourceEnableCmd struct {
	namedSource `embed:""`
}

// Run implements the command.
func (c *sourceEnableCmd) Run(ctx context.Context, t terminal) error {
	return c.change(ctx, t, "enabled", func(s *store.Store) error {
		return s.EnableSource(ctx, c.Name)
	})
}

type sourceAllowCmd struct {
	namedSource `embed:""`
	Org         []string `required:"" placeholder:"ID" sep:"none" help:"The id of the organization (00D…). May be repeated."`
	Force       bool     `help:"Accept an --org that is not the id of an organization."`
}

// Run implements the command.
func (c *sourceAllowCmd) Run(ctx context.Context, t terminal) error {
	if err := checkOrganizations(t, c.Force, c.Org...); err != nil {
		return err
	}
	return c.change(ctx, t, "allows "+strings.Join(c.Org, ", "), func(s *store.Store) error {
		return each(c.Org, func(org string) error { return s.AllowOrganization(ctx, c.Name, org) })
	})
}

type sourceDenyCmd struct {
	namedSource `embed:""`
	Org         []string `required:"" placeholder:"ID" sep:"none" help:"The id of the organization (00D…). May be repeated."`
}

// Run implements the command.
func (c *sourceDenyCmd) Run(ctx context.Context, t terminal) error {
	return c.change(ctx, t, "no longer allows "+strings.Join(c.Org, ", "), func(s *store.Store) error {
		err := each(c.Org, func(org string) error { return s.DenyOrganization(ctx, c.Name, org) })
		if err != nil {
			return err
		}
		return warnIfOpen(ctx, t, s, c.Name)
	})
}

// warnIfOpen prints a warning if the source has no allowed organization, because it then accepts
// any.
func warnIfOpen(ctx context.Context, t terminal, s *store.Store, name string) error {
	sources, err := s.Sources(ctx)
	for _, source := range sources {
		if source.Name == name && len(source.Organizations) == 0 {
			t.say("warning: no organization is allowed any more, so any may post to %s; "+
				"allow one, or run ackbox source disable %s", name, name)
		}
	}
	return err
}

type sourceRemoveCmd struct {
	namedSource `embed:""`
}

// Run implements the command.
func (c *sourceRemoveCmd) Run(ctx context.Context, t terminal) error {
	return c.change(ctx, t, "removed", func(s *store.Store) error {
		return s.RemoveSource(ctx, c.Name)
	})
}

func each[T any](items []T, do func(T) error) error {
	for _, item := range items {
		if err := do(item); err != nil {
			return err
		}
	}
	return nil
}

type sourceListCmd struct {
	Database databaseFlags `embed:""`
	JSON     bool          `name:"json" help:"Print one line of JSON for each source."`
}

// Run implements the command.
func (c *sourceListCmd) Run(ctx context.Context, t terminal) error {
	return c.Database.with(ctx, func(s *store.Store) error {
		sources, err := s.Sources(ctx)
		if err != nil {
			return err
		}
		size, err := s.Size(ctx, time.Now())
		if err != nil {
			return err
		}
		t.say("%s", sizeText(size))
		if c.JSON {
			encoder := json.NewEncoder(t.out)
			return each(sources, func(s store.Source) error { return encoder.Encode(s) })
		}
		if len(sources) == 0 {
			t.say("no source yet: run ackbox source add NAME")
		}
		return printSources(t, sources)
	})
}

func printSources(t terminal, sources []store.Source) error {
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tSTATE\tORGANIZATIONS\tURLS\tOLD URL ENDS\tCREATED")
	for _, s := range sources {
		state, ends := "enabled", "-"
		if s.DisabledAt != nil {
			state = "disabled"
		}
		urls, oldEnds := s.URLs(time.Now())
		if oldEnds != nil {
			ends = oldEnds.Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\n", s.Name, state,
			cmp.Or(strings.Join(s.Organizations, ","), "any"), urls, ends, s.CreatedAt.Format(time.RFC3339))
	}
	return w.Flush()
}
