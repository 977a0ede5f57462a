package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"ackbox/relay"
)

// namedSender says in its verdicts who has sent, and whether it is closed.
type namedSender struct {
	name   string
	closed bool
}

func (s *namedSender) Send(context.Context, []relay.Event) []relay.Verdict {
	return []relay.Verdict{{Outcome: relay.Success, Answer: s.name}}
}

func (s *namedSender) Close() error {
	s.closed = true
	return nil
}

func TestTheOldSecretIsNotUsedAfterItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		both, later := &namedSender{name: "both"}, &namedSender{name: "later"}
		s := &rotatedSender{both, later, time.Now().Add(time.Hour)}
		for _, want := range []string{"both", "later"} {
			if got := s.Send(t.Context(), make([]relay.Event, 1))[0].Answer; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			<-time.After(time.Hour)
		}
		if err := s.Close(); err != nil || !both.closed || !later.closed {
			t.Errorf("got %v, closed %t and %t, want both closed", err, both.closed, later.closed)
		}
	})
}
