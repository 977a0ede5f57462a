package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"ackbox/internal/secret"
	"ackbox/ledger"
	"ackbox/store"
)

type destinationListCmd struct {
	Database databaseFlags `embed:""`
	JSON     bool          `name:"json" help:"Print one line of JSON for each destination."`
}

// Run implements the command.
func (c *destinationListCmd) Run(ctx context.Context, t terminal) error {
	return c.Database.with(ctx, func(s *store.Store) error {
		all, err := s.DestinationStatuses(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			encoder := json.NewEncoder(t.out)
			return each(all, func(d store.DestinationStatus) error { return encoder.Encode(listed(&d)) })
		}
		if len(all) == 0 {
			t.say("no destination yet: run ackbox destination add NAME --kind webhook --url URL")
		}
		return printDestinations(t, all, time.Now())
	})
}

func printDestinations(t terminal, all []store.DestinationStatus, now time.Time) error {
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tKIND\tSTATE\tTO\tORDER\tWAITING\tOLDEST\tRETRY\tHELD\tDEAD\tLAST SUCCESS")
	for i := range all {
		d := &all[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\n", d.Name, d.Kind, stateText(&d.Destination),
			cmp.Or(endpointOf(&d.Destination), "-"), d.Ordering, waitingText(d.Backlog), ageText(d.Backlog.Oldest, now),
			d.Backlog.Retry, d.Backlog.Held, d.Backlog.Dead, timeText(d.Progress.LastSuccessAt))
	}
	return w.Flush()
}

// stateText returns the state of a destination, or that it is down: it is active and fails.
func stateText(d *store.Destination) string {
	if d.State == store.Active && d.Progress.Failures > 0 {
		return "down"
	}
	return d.State.String()
}

// waitingText returns how many notifications wait, with ~ for an estimate.
func waitingText(b store.Backlog) string {
	if b.Estimated {
		return "~" + strconv.FormatInt(b.Waiting, 10)
	}
	return strconv.FormatInt(b.Waiting, 10)
}

// ageText returns the time since then, "-" for none.
func ageText(since *time.Time, now time.Time) string {
	if since == nil {
		return "-"
	}
	return max(0, now.Sub(*since)).Round(time.Second).String()
}

func timeText(at *time.Time) string {
	if at == nil {
		return "-"
	}
	return at.UTC().Format(time.RFC3339)
}

// listedDestination is the JSON of a destination. It has no secret.
type listedDestination struct {
	Name          string                 `json:"name"`
	Kind          string                 `json:"kind"`
	State         store.DestinationState `json:"state"`
	Reason        string                 `json:"reason"`
	To            string                 `json:"to"`
	Settings      json.RawMessage        `json:"settings"`
	Sources       []string               `json:"sources"`
	Objects       []string               `json:"objects"`
	Filter        string                 `json:"filter"`
	Order         store.Ordering         `json:"order"`
	Rate          int                    `json:"rate"`
	GiveUp        string                 `json:"give_up"`
	Start         int64                  `json:"start"`
	Cursor        int64                  `json:"cursor"`
	CreatedAt     string                 `json:"created_at"`
	Waiting       int64                  `json:"waiting"`
	Estimated     bool                   `json:"waiting_estimated"`
	Oldest        *string                `json:"oldest_waiting"`
	Retry         int64                  `json:"retry"`
	Held          int64                  `json:"held"`
	Dead          int64                  `json:"dead"`
	Delivered     int64                  `json:"delivered"`
	Filtered      int64                  `json:"filtered"`
	Skipped       int64                  `json:"skipped"`
	Unmatched     int64                  `json:"unmatched"`
	Failures      int                    `json:"failures"`
	RetryAt       *string                `json:"retry_at"`
	LastError     string                 `json:"last_error"`
	LastSuccessAt *string                `json:"last_success_at"`
}

func listed(d *store.DestinationStatus) listedDestination {
	p, b := &d.Progress, &d.Backlog
	return listedDestination{
		Name: d.Name, Kind: d.Kind, State: d.State, Reason: d.Reason, To: endpointOf(&d.Destination),
		Settings: d.Settings, Sources: d.Filter.Sources, Objects: d.Filter.Objects, Filter: d.Filter.Expression,
		Order: d.Ordering, Rate: d.Rate, GiveUp: d.GiveUp.String(), Start: d.Start, Cursor: p.Cursor,
		CreatedAt: ledger.FormatTime(d.CreatedAt), Waiting: b.Waiting, Estimated: b.Estimated,
		Oldest: optionalTime(b.Oldest), Retry: b.Retry, Held: b.Held, Dead: b.Dead, Delivered: p.Delivered,
		Filtered: p.Filtered, Skipped: p.Skipped, Unmatched: p.Unmatched, Failures: p.Failures,
		RetryAt: optionalTime(p.RetryAt), LastError: p.LastError, LastSuccessAt: optionalTime(p.LastSuccessAt),
	}
}

func optionalTime(at *time.Time) *string {
	if at == nil {
		return nil
	}
	formatted := ledger.FormatTime(*at)
	return &formatted
}

type destinationShowCmd struct {
	namedDestination `embed:""`
	Secrets          secretFlags `embed:""`
	JSON             bool        `name:"json" help:"Print one line of JSON, without the secrets."`
}

// Run implements the command.
func (c *destinationShowCmd) Run(ctx context.Context, t terminal) error {
	return c.Database.with(ctx, func(s *store.Store) error {
		all, err := s.DestinationStatuses(ctx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(d store.DestinationStatus) bool { return d.Name == c.Name })
		if i < 0 {
			return noDestination(store.ErrNotFound, c.Name)
		}
		if c.JSON {
			return json.NewEncoder(t.out).Encode(listed(&all[i]))
		}
		w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
		showDestination(w, &all[i], time.Now())
		c.showSecrets(w, s, &all[i].Destination)
		return w.Flush()
	})
}

func showDestination(w io.Writer, d *store.DestinationStatus, now time.Time) {
	p, b := &d.Progress, &d.Backlog
	rate := "no limit"
	if d.Rate > 0 {
		rate = strconv.Itoa(d.Rate) + " a second"
	}
	for _, line := range [][2]string{
		{"name", d.Name},
		{"kind", d.Kind},
		{"state", stateText(&d.Destination)},
		{"reason", d.Reason},
		{"to", endpointOf(&d.Destination)},
		{"settings", string(d.Settings)},
		{"sources", cmp.Or(strings.Join(d.Filter.Sources, ", "), "all")},
		{"objects", cmp.Or(strings.Join(d.Filter.Objects, ", "), "all")},
		{"filter", d.Filter.Expression},
		{"order", d.Ordering.String()},
		{"rate", rate},
		{"give up after", d.GiveUp.String()},
		{"created", d.CreatedAt.Format(time.RFC3339)},
		{"begins after id", strconv.FormatInt(d.Start, 10)},
		{"cursor", strconv.FormatInt(p.Cursor, 10)},
		{"waiting", waitingText(*b)},
		{"oldest waiting", ageText(b.Oldest, now)},
		{"exceptions", fmt.Sprintf("%d retry, %d held, %d dead", b.Retry, b.Held, b.Dead)},
		{"in all", fmt.Sprintf("%d delivered at once, %d not wanted, %d skipped, %d failed, %d retries, %d given up",
			p.Delivered, p.Filtered, p.Skipped, p.Failed, p.Retried, p.Dead)},
		{"filter failed", strconv.FormatInt(p.Unmatched, 10)},
		{"last success", timeText(p.LastSuccessAt)},
		{"last error", p.LastError},
		{"tried again", timeText(p.RetryAt)},
	} {
		fmt.Fprintf(w, "%s\t%s\n", line[0], cmp.Or(line[1], "-"))
	}
}

// showSecrets says which secrets there are and where they are, as far as they can be decrypted.
func (c *destinationShowCmd) showSecrets(w io.Writer, s *store.Store, d *store.Destination) {
	keys, err := c.Secrets.keys(s)
	var secrets map[string]string
	if err == nil {
		secrets, err = secretsOf(d, keys)
	}
	if err != nil {
		fmt.Fprintf(w, "secrets\t(cannot be decrypted here: %s)\n", firstLine(err))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		shown := secret.Shown(secrets[name])
		if name == secretUntil {
			shown = secrets[name]
		}
		fmt.Fprintf(w, "%s\t%s\n", strings.ReplaceAll(name, "_", " "), shown)
	}
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
