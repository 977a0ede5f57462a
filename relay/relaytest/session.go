package relaytest

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"ackbox/ledger"
	"ackbox/relay"
	"ackbox/store"
)

var receivedAt = time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC)

// session is a check with its receiver and a sender to it.
type session struct {
	testing.TB
	kind     Kind
	receiver *Receiver
	sender   relay.Sender
	patience time.Duration // with what must happen
	made     int           // number of events
}

// open opens the sender, which is closed with the test.
func (s *session) open() {
	s.Helper()
	sender, err := s.kind.Open(s.receiver.Config)
	if err != nil {
		s.Fatal(err)
	}
	s.sender = sender
	s.Cleanup(func() {
		if err := sender.Close(); err != nil {
			s.Errorf("close: %v", err)
		}
	})
}

// events returns so many events that the check has not used yet, of records of their own.
func (s *session) events(n int) []relay.Event {
	all := make([]relay.Event, n)
	for i := range all {
		s.made++
		object, record := "Lead", fmt.Sprintf("00Qxx%010dAAA", s.made)
		content := fields(record, s.made)
		all[i] = relay.Event{Attempt: 1, Notification: store.Notification{
			ID: int64(s.made), Source: "crm", OrganizationID: "00Dxx0000001gPLEAY", ActionID: "04k1",
			NotificationID: fmt.Sprintf("04l%012d", s.made), Revision: 1, ObjectType: &object, RecordID: &record,
			Fields: content, ReceivedAt: receivedAt, Digest: ledger.DigestOf(content),
		}}
	}
	return all
}

// send sends events and checks what holds for every verdict.
func (s *session) send(ctx context.Context, events []relay.Event) []relay.Verdict {
	s.Helper()
	verdicts := s.sender.Send(ctx, slices.Clone(events))
	if len(verdicts) != len(events) {
		s.Errorf("got %d verdicts for %d events", len(verdicts), len(events))
		return make([]relay.Verdict, len(events))
	}
	for i, v := range verdicts {
		if problem := s.problem(v); problem != "" {
			s.Errorf("event %d of %d: %s: got %+v", i, len(events), problem, v)
		}
	}
	return verdicts
}

// problem returns what is wrong with a verdict in itself, or "".
func (s *session) problem(v relay.Verdict) string {
	switch {
	case v.Outcome < relay.Success || v.Outcome > relay.Gone:
		return "no outcome"
	case (v.Outcome == relay.Success) != (v.Error == ""):
		return "an error or a success, and not both"
	case v.Outcome == relay.Success && v.Took <= 0:
		return "it must say how long it took"
	case v.Took < 0 || v.RetryAfter < 0:
		return "a negative duration"
	case len(v.Answer) > 1<<10 || !utf8.ValidString(v.Answer) || strings.Contains(v.Answer, "\x00"):
		return "the answer must be text of at most 1 KiB"
	case !utf8.ValidString(v.Error) || strings.ContainsAny(v.Error, "\n\x00"):
		return "the error must be a line of text"
	case strings.Contains(v.Error, payload):
		return "the error shows the payload"
	}
	for _, secret := range secretTexts(s.receiver.Config) {
		if strings.Contains(v.Error, secret) {
			return "the error shows a secret"
		}
	}
	return ""
}

// secretTexts returns the secrets, and of a URL among them all but scheme and host.
func secretTexts(c relay.Config) []string {
	var all []string
	for _, secret := range c.Secrets {
		all = append(all, secret)
		u, err := url.Parse(secret)
		if err != nil || u.Host == "" {
			continue
		}
		password, _ := u.User.Password()
		all = append(all, password, strings.Trim(u.Path, "/"), u.RawQuery)
		for _, values := range u.Query() {
			all = append(all, values...)
		}
	}
	return slices.DeleteFunc(all, func(text string) bool { return text == "" })
}

// sendAll sends events, all of which must be delivered.
func (s *session) sendAll(events []relay.Event) {
	s.Helper()
	for i, v := range s.send(s.Context(), events) {
		if v.Outcome != relay.Success {
			s.Errorf("event %d of %d: got %+v, want a success", i, len(events), v)
		}
	}
}

// sendUntil sends an event again until it is delivered, as when a receiver is there again.
func (s *session) sendUntil(e relay.Event) {
	s.Helper()
	var last relay.Verdict
	s.until("the event to be delivered", func() bool {
		last = s.send(s.Context(), []relay.Event{e})[0]
		return last.Outcome == relay.Success
	}, func() string { return fmt.Sprintf("%+v", last) })
}

// until waits until something holds; got says what is there instead.
func (s *session) until(what string, holds func() bool, got func() string) {
	s.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(s.patience); !holds(); <-ticker.C {
		if time.Now().After(deadline) {
			s.Fatalf("waited %s for %s, got %s", s.patience, what, got())
		}
	}
}

// requireArrived waits until the receiver has taken the events, whatever else it has taken, and
// checks their bodies. If once is set, each must have arrived once.
func (s *session) requireArrived(events []relay.Event, once bool) {
	s.Helper()
	got := map[string][]Arrival{}
	missing := func() (n int) {
		clear(got)
		for _, a := range s.receiver.Arrived() {
			got[a.ID] = append(got[a.ID], a)
		}
		for i := range events {
			if len(got[events[i].ID()]) == 0 {
				n++
			}
		}
		return n
	}
	s.until("the events to arrive", func() bool { return missing() == 0 }, func() string {
		return fmt.Sprintf("all but %d of %d", missing(), len(events))
	})
	for i := range events {
		s.requireBodies(&events[i], got[events[i].ID()], once)
	}
}

func (s *session) requireBodies(e *relay.Event, arrivals []Arrival, once bool) {
	s.Helper()
	want, err := s.kind.body(e)
	if err != nil {
		s.Fatal(err)
	}
	if once && len(arrivals) != 1 {
		s.Errorf("event %s arrived %d times, want once", e.ID(), len(arrivals))
	}
	for _, a := range arrivals {
		if !bytes.Equal(a.Body, want) {
			s.Errorf("event %s: got the body %q, want %q", e.ID(), a.Body, want)
		}
	}
}

// requireOrder checks that events arrived in their order, if the kind promises it.
func (s *session) requireOrder(events []relay.Event) {
	s.Helper()
	if !s.kind.Ordered {
		return
	}
	at := map[string]int{}
	for i, a := range s.receiver.Arrived() {
		at[a.ID] = i
	}
	for i := 1; i < len(events); i++ {
		if at[events[i-1].ID()] > at[events[i].ID()] {
			s.Errorf("event %d arrived before event %d of its batch", i, i-1)
		}
	}
}
