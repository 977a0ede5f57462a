// Package relay passes what was stored on to destinations: everything that a destination wants, at
// least once, or it says why not. Nothing waits for it: it reads the notifications as a log, with a
// cursor for each destination, and only exceptions have rows.
package relay

import (
	"context"
	"encoding/json"
	"time"

	"ackbox/store"
)

// Event is a notification on its way to a destination.
type Event struct {
	Notification store.Notification
	// Attempt counts the attempts with the destination, from 1.
	Attempt int
	// Stale is true if the destination has got a newer state of the record before. It is known only
	// with [store.OrderRecord] and [store.OrderLatest].
	Stale bool
	// Test is true for an event that only tries the connection. It has no record.
	Test bool
}

// Config is what a kind makes a [Sender] from.
type Config struct {
	Name     string          // of the destination
	Settings json.RawMessage // of the kind
	// Secrets are what the settings must not show, by what they are for: "url", for example. They are
	// resolved and decrypted.
	Secrets map[string]string
}

// Sender delivers events to one destination. Each kind of destination has one. It is safe for
// concurrent use.
type Sender interface {
	// Send delivers events and returns what became of each, in their order. It may deliver them in
	// any order, and at once. When the context ends, what became of the rest is unknown, which is
	// [Unavailable].
	Send(ctx context.Context, events []Event) []Verdict
	// Close ends all connections.
	Close() error
}

// Outcome is what became of an event.
type Outcome int

// The outcomes. The zero value is none of them.
const (
	// Success: the destination has the event.
	Success Outcome = iota + 1
	// Unavailable: the destination failed, or it is not known whether it has the event. Others would
	// fail as well.
	Unavailable
	// Rejected: the destination answered that it does not take this event. It may later.
	Rejected
	// Impossible: the event can never be delivered, as when it is too large.
	Impossible
	// Gone: the destination answered that it wants no events any more.
	Gone
)

// Verdict is the outcome of an event with the reason, in public words: nothing of the payload, and
// no secret.
type Verdict struct {
	Outcome Outcome
	Status  int    // of the answer, in terms of the kind; 0 without one
	Error   string // "" for a success
	// Answer is the first KiB of the answer as text, "" without one. It may repeat the payload, so it
	// is for the attempts alone.
	Answer string
	// Took is the time that the attempt took.
	Took time.Duration
	// RetryAfter is how long the destination wants to be left alone, 0 if it did not say.
	RetryAfter time.Duration
}
