package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"text/tabwriter"

	"ackbox/internal/text"
	"ackbox/ledger"
	"ackbox/store"
)

// deliveriesCmd is the command deliveries.
type deliveriesCmd struct {
	Database     databaseFlags         `embed:""`
	Destination  string                `placeholder:"NAME" help:"Only those of this destination."`
	State        []store.DeliveryState `placeholder:"STATE,…" default:"waiting,retry,held,dead" help:"Only those in these states: waiting (a count), retry, held, delivered (after a failure), dead, skipped or cancelled (default: ${default})."`
	Record       string                `placeholder:"ID" help:"Only those of the record with this id, in its form of 15 or of 18 characters."`
	Notification int64                 `placeholder:"N" help:"Tell instead what became of the notification with this id (the id of export) at each destination."`
	JSON         bool                  `name:"json" help:"Print one line of JSON for each."`
}

// storedStates are the states that deliveries have rows in.
var storedStates = []store.DeliveryState{
	store.Retry, store.Held, store.Delivered, store.Dead, store.Skipped, store.Cancelled,
}

// Validate checks the states. Kong calls it.
func (c *deliveriesCmd) Validate() error {
	for _, state := range c.State {
		if state != store.Waiting && !slices.Contains(storedStates, state) {
			return fmt.Errorf("--state %s cannot be listed: what a destination does not want has no delivery", state)
		}
	}
	return nil
}

// Run implements the command.
func (c *deliveriesCmd) Run(ctx context.Context, t terminal) error {
	return c.Database.with(ctx, func(s *store.Store) error {
		if c.Notification != 0 {
			return c.outcomes(ctx, t, s)
		}
		destinations, err := c.destinations(ctx, s)
		if err != nil {
			return err
		}
		list := c.newList(t)
		for i := range destinations {
			if err := c.list(ctx, s, &destinations[i], list); err != nil {
				return errors.Join(err, list.end())
			}
		}
		if list.n == 0 {
			t.say("%s", nothing)
		}
		return list.end()
	})
}

// destinations returns the one that is asked for, or all.
func (c *deliveriesCmd) destinations(ctx context.Context, s *store.Store) ([]store.Destination, error) {
	if c.Destination == "" {
		return s.Destinations(ctx)
	}
	d, err := s.Destination(ctx, c.Destination)
	return []store.Destination{d}, noDestination(err, c.Destination)
}

// list lists what waits for a destination, and its deliveries, oldest first.
func (c *deliveriesCmd) list(
	ctx context.Context, s *store.Store, d *store.Destination, to *deliveryList,
) error {
	if slices.Contains(c.State, store.Waiting) {
		filter := store.NotificationFilter{After: d.Progress.Cursor, Record: c.Record}
		n, err := s.CountNotifications(ctx, filter)
		if err == nil && n > 0 {
			err = to.addWaiting(d, n)
		}
		if err != nil {
			return err
		}
	}
	filter := store.DeliveryFilter{Destination: d.ID, Record: c.Record, Limit: deliveriesPage}
	for _, state := range c.State {
		if state != store.Waiting {
			filter.States = append(filter.States, state)
		}
	}
	for len(filter.States) > 0 {
		found, err := s.Deliveries(ctx, filter)
		if err != nil {
			return err
		}
		if err := each(found, func(delivery store.Delivery) error { return to.add(d, delivery) }); err != nil {
			return err
		}
		if len(found) < deliveriesPage {
			return nil
		}
		filter.After = found[len(found)-1].NotificationID
	}
	return nil
}

// deliveriesPage is how many deliveries are read at once.
const deliveriesPage = 1000

// deliveryList prints deliveries.
type deliveryList struct {
	n       int
	table   *tabwriter.Writer // nil for JSON
	encoder *json.Encoder
}

func (c *deliveriesCmd) newList(t terminal) *deliveryList {
	if c.JSON {
		return &deliveryList{encoder: json.NewEncoder(t.out)}
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DESTINATION\tSTATE\tNOTIFICATION\tRECORD\tATTEMPTS\tSINCE\tNEXT ATTEMPT\tSTATUS\tERROR")
	return &deliveryList{table: w}
}

func (l *deliveryList) end() error {
	if l.table == nil {
		return nil
	}
	return l.table.Flush()
}

// addWaiting prints how many notifications wait for a destination.
func (l *deliveryList) addWaiting(d *store.Destination, n int64) error {
	l.n++
	if l.encoder != nil {
		return l.encoder.Encode(struct {
			Destination string              `json:"destination"`
			State       store.DeliveryState `json:"state"`
			Count       int64               `json:"count"`
		}{d.Name, store.Waiting, n})
	}
	_, err := fmt.Fprintf(l.table, "%s\t%s\t%d in all\t-\t-\t-\t-\t-\t-\n", d.Name, store.Waiting, n)
	return err
}

func (l *deliveryList) add(d *store.Destination, delivery store.Delivery) error {
	l.n++
	if l.encoder != nil {
		return l.encoder.Encode(struct {
			Destination   string              `json:"destination"`
			State         store.DeliveryState `json:"state"`
			Notification  int64               `json:"notification"`
			Record        string              `json:"record"`
			Attempts      int                 `json:"attempts"`
			Since         string              `json:"since"`
			NextAttemptAt *string             `json:"next_attempt_at"`
			LastStatus    int                 `json:"last_status"`
			LastError     string              `json:"last_error"`
			SettledAt     *string             `json:"settled_at"`
		}{
			d.Name, delivery.State, delivery.NotificationID, delivery.Record, delivery.Attempts,
			ledger.FormatTime(delivery.Since), optionalTime(delivery.NextAttemptAt), delivery.LastStatus,
			delivery.LastError, optionalTime(delivery.SettledAt),
		})
	}
	status := "-"
	if delivery.LastStatus != 0 {
		status = strconv.Itoa(delivery.LastStatus)
	}
	_, err := fmt.Fprintf(l.table, "%s\t%s\t%d\t%s\t%d\t%s\t%s\t%s\t%s\n", d.Name, delivery.State,
		delivery.NotificationID, text.Printable(delivery.Record), delivery.Attempts, timeText(&delivery.Since),
		timeText(delivery.NextAttemptAt), status, cmp.Or(text.Printable(delivery.LastError), "-"))
	return err
}
