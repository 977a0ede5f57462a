package main

import (
	"context"
	"errors"
	"time"

	"ackbox/relay"
)

// rotatedSender sends with two secrets until the earlier one is not valid any more.
type rotatedSender struct {
	both, later relay.Sender
	until       time.Time
}

// Send implements [relay.Sender].
func (s *rotatedSender) Send(ctx context.Context, events []relay.Event) []relay.Verdict {
	if time.Now().Before(s.until) {
		return s.both.Send(ctx, events)
	}
	return s.later.Send(ctx, events)
}

// Close implements [relay.Sender].
func (s *rotatedSender) Close() error { return errors.Join(s.both.Close(), s.later.Close()) }
