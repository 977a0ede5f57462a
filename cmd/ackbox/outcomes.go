package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"ackbox/internal/text"
	"ackbox/relay"
	"ackbox/store"
)

// outcomes prints what became of one notification at each destination.
func (c *deliveriesCmd) outcomes(ctx context.Context, t terminal, s *store.Store) error {
	found, err := s.NotificationsByID(ctx, []int64{c.Notification})
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fmt.Errorf("no notification has the id %d; ackbox export prints the ids", c.Notification)
	}
	n := &found[0]
	all, err := s.Outcomes(ctx, n, func(f store.DestinationFilter) (bool, error) {
		filter, err := relay.CompileFilter(f)
		if err != nil {
			return false, err
		}
		wanted, _ := filter(n) // what cannot be computed is not wanted
		return wanted, nil
	})
	if err != nil {
		return err
	}
	if len(all) == 0 {
		t.say("%s", nothing)
		return nil
	}
	if c.JSON {
		return each(all, func(o store.Outcome) error { return json.NewEncoder(t.out).Encode(outcomeJSON(&o)) })
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DESTINATION\tSTATE\tAT\tATTEMPTS\tERROR")
	for _, o := range all {
		attempts, problem := 0, o.Reason
		if o.Delivery != nil {
			attempts, problem = o.Delivery.Attempts, cmp.Or(problem, o.Delivery.LastError)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\n", o.Destination, o.State, timeText(o.At), attempts,
			cmp.Or(text.Printable(problem), "-"))
	}
	return w.Flush()
}

// outcomeJSON returns what is printed of an outcome as JSON.
func outcomeJSON(o *store.Outcome) any {
	printed := struct {
		Destination string              `json:"destination"`
		State       store.DeliveryState `json:"state"`
		At          *string             `json:"at"`
		Attempts    int                 `json:"attempts"`
		LastStatus  int                 `json:"last_status"`
		LastError   string              `json:"last_error"`
		Reason      string              `json:"reason"`
	}{Destination: o.Destination, State: o.State, At: optionalTime(o.At), Reason: o.Reason}
	if d := o.Delivery; d != nil {
		printed.Attempts, printed.LastStatus, printed.LastError = d.Attempts, d.LastStatus, d.LastError
	}
	return printed
}
