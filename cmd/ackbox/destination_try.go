package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ackbox/relay"
	"ackbox/store"
)

// tryTimeout is how long a test event may take, besides the time limit of the kind.
const tryTimeout = 30 * time.Second

// try sends a test event, which has no data of a record.
func (c *configuration) try(
	ctx context.Context, d *store.Destination, now time.Time,
) (verdict relay.Verdict, err error) {
	sender, err := c.open(d)
	if err != nil {
		return verdict, err
	}
	defer func() { err = errors.Join(err, sender.Close()) }()
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	event := relay.Event{Test: true, Attempt: 1, Notification: store.Notification{
		Source: "test", OrganizationID: "test", NotificationID: fmt.Sprintf("test %d", now.UnixNano()),
		Revision: 1, ReceivedAt: now,
	}}
	return sender.Send(ctx, []relay.Event{event})[0], nil
}

// refusal returns the error of a verdict, nil for a success.
func refusal(v relay.Verdict) error {
	if v.Outcome == relay.Success {
		return nil
	}
	return errors.New(v.Error)
}
