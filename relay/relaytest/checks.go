package relaytest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"ackbox/ledger"
	"ackbox/relay"
	"ackbox/store"
)

// batch is the number of events in a batch, as in the relay.
const batch = 100

func delivers(s *session) {
	events := s.events(batch)
	s.sendAll(events)
	last := s.events(1) // what arrives of the batch twice is there before it
	s.sendAll(last)
	s.requireArrived(last, true)
	s.requireArrived(events, true)
	s.requireOrder(events)
	if n := len(s.receiver.Arrived()); n != batch+1 {
		s.Errorf("got %d arrivals of %d events", n, batch+1)
	}
}

// deliversOdd sends what Salesforce may send, seldom as it does.
func deliversOdd(s *session) {
	text := func(s string) *string { return &s }
	events := s.events(6)
	for i, change := range []func(n *store.Notification){
		func(n *store.Notification) { n.ObjectType, n.RecordID, n.Fields = nil, nil, nil },
		func(n *store.Notification) { n.ObjectType, n.RecordID = text(""), text("") },
		func(n *store.Notification) { n.Source, n.ObjectType = "Büro/1 ?#%", text("Ä. *>\u2028__c") },
		func(n *store.Notification) { n.ObjectType = text(strings.Repeat("Long", 60)) },
		func(n *store.Notification) { n.RecordID = text("an id with spaces, quotes \" and\ta tab") },
		func(n *store.Notification) {
			n.Fields = fmt.Appendf(nil, `{"Text":"%s%s"}`, payload, strings.Repeat(`ü\u0000\"`, 10_000))
		},
	} {
		n := &events[i].Notification
		change(n)
		n.Digest = ledger.DigestOf(n.Fields)
	}
	events[5].Stale, events[5].Attempt = true, 9
	for i := range events {
		if v := s.send(s.Context(), events[i:i+1])[0]; v.Outcome != relay.Success {
			s.Errorf("event %d: got %+v, want a success", i, v)
		}
	}
	s.requireArrived(events, true)
}

// deliversAgain sends the same events twice, as a replay does.
func deliversAgain(s *session) {
	events := s.events(batch)
	s.sendAll(events)
	s.sendAll(events)
	s.requireArrived(events, false)
}

// deliversConcurrently sends batches at the same time, each with an event that fails, so that the
// verdicts of one are not taken for those of another.
func deliversConcurrently(s *session) {
	const goroutines, each, size = 4, 5, 20
	single := slices.IndexFunc(s.kind.Failures, func(f Failure) bool { return !f.Whole })
	batches := make([][]relay.Event, goroutines*each)
	want := relay.Success
	delivered := make([][]relay.Event, len(batches))
	for i := range batches {
		batches[i] = s.events(size)
		delivered[i] = batches[i]
		if single >= 0 {
			failure := s.kind.Failures[single]
			want = failure.Outcome
			failure.Arrange(s, s.receiver, &batches[i][i%size])
			delivered[i] = slices.Delete(slices.Clone(batches[i]), i%size, i%size+1)
		}
	}
	var sending sync.WaitGroup
	for g := range goroutines {
		sending.Go(func() {
			for i := g * each; i < (g+1)*each; i++ {
				s.requireOneFailure(batches[i], i%size, want)
			}
		})
	}
	sending.Wait()
	s.requireArrived(slices.Concat(delivered...), true)
	for i := range delivered {
		s.requireOrder(delivered[i])
	}
}

// requireOneFailure sends a batch, of which one event has an outcome of its own.
func (s *session) requireOneFailure(events []relay.Event, failing int, outcome relay.Outcome) {
	s.Helper()
	for i, v := range s.send(s.Context(), events) {
		want := relay.Success
		if i == failing {
			want = outcome
		}
		if v.Outcome != want {
			s.Errorf("event %d of %d: got %+v, want outcome %d", i, len(events), v, want)
		}
	}
}

func takesNone(s *session) {
	s.send(s.Context(), nil)
	if got := s.receiver.Arrived(); len(got) > 0 {
		s.Errorf("got %d arrivals without an event", len(got))
	}
}

// takesTest sends the event of `ackbox destination test`, twice.
func takesTest(s *session) {
	for range 2 {
		s.sendAll([]relay.Event{{Attempt: 1, Test: true, Notification: store.Notification{ReceivedAt: receivedAt}}})
	}
}

func sendsNothing(s *session) {
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	events := s.events(batch)
	for i, v := range s.send(ctx, events) {
		if v.Outcome != relay.Unavailable {
			s.Errorf("event %d: got %+v, want that it is not known", i, v)
		}
	}
	last := s.events(1)
	s.sendAll(last)
	s.requireArrived(last, true)
	if n := len(s.receiver.Arrived()); n != 1 {
		s.Errorf("got %d arrivals, want that of the last event only", n)
	}
}

// canBeInterrupted ends the context while the receiver does not answer.
func canBeInterrupted(s *session) {
	s.sendAll(s.events(1)) // connects
	held, release := s.receiver.Hang()
	ctx, cancel := context.WithCancel(s.Context())
	defer cancel()
	events := s.events(batch)
	answered := make(chan []relay.Verdict, 1)
	go func() { answered <- s.send(ctx, events) }()
	await(s, "the receiver to get something", held)
	cancel()
	for i, v := range await(s, "Send to return", answered) {
		if v.Outcome != relay.Unavailable {
			s.Errorf("event %d: got %+v, want that it is not known", i, v)
		}
	}
	release()
	s.sendUntil(events[0])
	s.sendAll(events)
	s.requireArrived(events, false)
}

// await returns the next value of a channel.
func await[T any](s *session, what string, from <-chan T) (value T) {
	s.Helper()
	s.until(what, func() bool {
		select {
		case value = <-from:
			return true
		default:
			return false
		}
	}, func() string { return "nothing" })
	return value
}

// survivesRestart stops the receiver. A sender must say so in a while, and find the way back.
func survivesRestart(s *session) {
	if s.receiver.Stop == nil {
		return
	}
	before := s.events(batch)
	s.sendAll(before)
	s.receiver.Stop()
	events := s.events(batch)
	answered := make(chan []relay.Verdict, 1)
	go func() { answered <- s.send(s.Context(), events) }()
	for i, v := range await(s, "Send to return", answered) {
		if v.Outcome != relay.Unavailable {
			s.Errorf("event %d: got %+v, want that the receiver is not available", i, v)
		}
	}
	s.receiver.Start()
	s.sendUntil(events[0])
	s.sendAll(events)
	s.requireArrived(append(before, events...), false)
	s.requireOrder(events)
}

// unknownOutcome loses the answer for an event that the receiver has.
func unknownOutcome(s *session) {
	if s.receiver.Lose == nil {
		return
	}
	s.sendAll(s.events(10)) // connects
	events := s.events(10)
	s.receiver.Lose(events[4].ID())
	for i, v := range s.send(s.Context(), events) {
		known := v.Outcome == relay.Success && (i != 4 || s.kind.Retries)
		if !known && v.Outcome != relay.Unavailable {
			s.Errorf("event %d: got %+v, want that it is not known", i, v)
		}
	}
	s.requireArrived(events[4:5], false)
	s.sendUntil(events[4])
	s.sendAll(events)
	s.requireArrived(events, false)
}

func closesConnections(s *session) {
	s.sendAll(s.events(batch))
	if err := s.sender.Close(); err != nil {
		s.Error(err)
	}
	if s.receiver.Connections != nil {
		s.until("the connections to be closed", func() bool { return s.receiver.Connections() == 0 }, func() string {
			return fmt.Sprintf("%d connections", s.receiver.Connections())
		})
	}
	s.open()
	s.sendAll(s.events(1))
}

// refusesSecrets opens senders with secrets that cannot be right. Those that can be opened all the
// same are none of the suite's business.
func refusesSecrets(s *session) {
	const wrong = "\x7f%zz:s3cr3t"
	for name := range s.receiver.Config.Secrets {
		c := s.receiver.Config
		c.Secrets = map[string]string{}
		for other, secret := range s.receiver.Config.Secrets {
			c.Secrets[other] = secret
		}
		c.Secrets[name] += wrong
		sender, err := s.kind.Open(c)
		if err == nil {
			if err := sender.Close(); err != nil {
				s.Error(err)
			}
			continue
		}
		for _, secret := range append(secretTexts(s.receiver.Config), wrong, "s3cr3t") {
			if strings.Contains(err.Error(), secret) {
				s.Errorf("a wrong secret %q: got an error that shows it", name)
			}
		}
	}
}

// fails makes one event of a batch fail.
func (s *session) fails(f Failure) {
	s.sendAll(s.events(10)) // connects
	events := s.events(10)
	const failing = 5
	mend := f.Arrange(s, s.receiver, &events[failing])
	var delivered []relay.Event
	for i, v := range s.send(s.Context(), events) {
		switch {
		case i == failing && v.Outcome != f.Outcome, i != failing && v.Outcome != relay.Success && !f.Whole:
			s.Errorf("event %d of %d, of which %d fails: got %+v, want outcome %d", i, len(events), failing, v, f.Outcome)
		case v.Outcome == relay.Success:
			delivered = append(delivered, events[i])
		}
	}
	s.requireArrived(delivered, !f.Whole)
	if mend == nil {
		s.sendUntil(s.events(1)[0]) // the sender still works
		return
	}
	mend()
	s.sendUntil(events[failing])
	s.sendAll(events)
	s.requireArrived(events, false)
}
