// Package relaytest is the conformance suite of the kinds of destinations. The tests of a kind call
// [Run] with a receiver that they can make fail.
package relaytest

import (
	"encoding/json"
	"testing"
	"time"

	"ackbox/relay"
)

// Kind is a kind of destination, and what the suite must know of it.
type Kind struct {
	// Open opens a sender as the relay does.
	Open func(c relay.Config) (relay.Sender, error)
	// Receive starts a receiver, which ends with the test.
	Receive func(tb testing.TB) *Receiver
	// Body returns what a receiver gets of an event. Nil means that it is the event's JSON.
	Body func(e *relay.Event) ([]byte, error)
	// Ordered is true if the kind promises that the events of a batch arrive in their order.
	Ordered bool
	// Retries is true if a sender sends again by itself what it does not know.
	Retries bool
	// Failures are all the ways in which a receiver may fail that have a verdict of their own.
	Failures []Failure
}

// Receiver is what a sender delivers to. Stop, Start, Lose and Connections are nil for a kind that
// has no connections.
type Receiver struct {
	// Config leads to the receiver. To be of use, its secrets should have parts that are found
	// nowhere else, and a URL among them a path or a password.
	Config relay.Config
	// Arrived returns what the receiver has taken so far, in the order of arrival.
	Arrived func() []Arrival
	// Hang makes the receiver leave without an answer what it gets from now on, until release is
	// called. A value is sent to held when it gets something.
	Hang func() (held <-chan struct{}, release func())

	// Stop ends the receiver and all its connections.
	Stop func()
	// Start starts it again at the same address, with what it has taken.
	Start func()
	// Lose makes the receiver take the event with this id and lose the connection before the sender
	// has the answer, once.
	Lose func(id string)
	// Connections returns the number of connections that are open.
	Connections func() int
}

// Arrival is an event as a receiver got it.
type Arrival struct {
	ID   string // of the event, in the way that the kind tells it
	Body []byte
}

// Failure is a way in which a receiver fails.
type Failure struct {
	Name string
	// Outcome is what becomes of an event.
	Outcome relay.Outcome
	// Whole is true if the other events of a batch may fail as well.
	Whole bool
	// Arrange makes the receiver fail for an event, or changes the event so that it must. It returns
	// what ends the failure, or nil if nothing can.
	Arrange func(tb testing.TB, r *Receiver, e *relay.Event) (mend func())
}

// check is a rule that a kind must keep.
type check struct {
	name string
	run  func(s *session)
}

// checks returns the checks for a kind.
func checks(k Kind) []check {
	all := []check{
		{"delivers every event once", delivers},
		{"delivers odd events", deliversOdd},
		{"delivers an event again", deliversAgain},
		{"delivers batches at the same time", deliversConcurrently},
		{"takes no events", takesNone},
		{"takes a test event", takesTest},
		{"sends nothing once interrupted", sendsNothing},
		{"can be interrupted", canBeInterrupted},
		{"survives a restart of the receiver", survivesRestart},
		{"tries again what it does not know", unknownOutcome},
		{"closes its connections", closesConnections},
		{"refuses secrets without showing them", refusesSecrets},
	}
	for _, failure := range k.Failures {
		all = append(all, check{"fails by " + failure.Name, func(s *session) { s.fails(failure) }})
	}
	return all
}

// Run runs the suite, each check with a receiver of its own.
func Run(t *testing.T, k Kind) {
	t.Helper()
	for _, c := range checks(k) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			runCheck(t, k, c, 20*time.Second)
		})
	}
}

// runCheck runs a check, which waits so long for what must happen.
func runCheck(tb testing.TB, k Kind, c check, patience time.Duration) {
	tb.Helper()
	s := &session{TB: tb, kind: k, receiver: k.Receive(tb), patience: patience}
	s.open()
	c.run(s)
}

// body returns what the receiver must get of an event.
func (k *Kind) body(e *relay.Event) ([]byte, error) {
	if k.Body != nil {
		return k.Body(e)
	}
	return e.AppendJSON(nil)
}

// payload is in the fields of every event, and must be in no text of a verdict but the answer.
const payload = "p4yl0ad"

// fields returns the fields of the record with this number.
func fields(record string, n int) json.RawMessage {
	text, err := json.Marshal(map[string]any{"Id": record, "Name": payload, "N": n})
	if err != nil {
		panic(err)
	}
	return text
}
