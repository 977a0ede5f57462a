package store

import "fmt"

// Ordering is the order in which a destination gets the notifications. Its values are stored.
type Ordering int16

// The orderings.
const (
	OrderNone   Ordering = 0 // as they come; a later one may arrive first
	OrderRecord Ordering = 1 // those of one record one after the other
	OrderLatest Ordering = 2 // as OrderRecord, and what is older than what was delivered is skipped
)

var orderings = enum[Ordering]{"ordering", []string{"none", "record", "latest"}}

// String returns the name of the ordering, as it is in JSON and on the command line.
func (o Ordering) String() string { return orderings.name(o) }

// MarshalText implements [encoding.TextMarshaler].
func (o Ordering) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText parses the name of an ordering.
func (o *Ordering) UnmarshalText(text []byte) (err error) {
	*o, err = orderings.parse(string(text))
	return err
}

// DestinationState is whether a destination gets notifications. Its values are stored.
type DestinationState int16

// The states of a destination.
const (
	Active   DestinationState = 0
	Paused   DestinationState = 1 // by a person
	Disabled DestinationState = 2 // by a person, or by an answer that it is gone
	Removing DestinationState = 3
)

var destinationStates = enum[DestinationState]{
	"state of a destination", []string{"active", "paused", "disabled", "removing"},
}

// String returns the name of the state, as it is in JSON and on the command line.
func (s DestinationState) String() string { return destinationStates.name(s) }

// MarshalText implements [encoding.TextMarshaler].
func (s DestinationState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText parses the name of a state.
func (s *DestinationState) UnmarshalText(text []byte) (err error) {
	*s, err = destinationStates.parse(string(text))
	return err
}

// DeliveryState is what became of a notification at a destination. Those of the first group are
// stored, with these values; the others follow from the cursor and the filter of the destination.
type DeliveryState int16

// The states of a delivery.
const (
	Retry     DeliveryState = 1 // it failed and is tried again
	Held      DeliveryState = 2 // it waits for an earlier one of its record
	Delivered DeliveryState = 3
	Dead      DeliveryState = 4 // it failed for good
	Skipped   DeliveryState = 5 // a newer one of its record was delivered before
	Cancelled DeliveryState = 6 // the destination was removed

	Before   DeliveryState = 7 // it was stored before the destination begins
	Waiting  DeliveryState = 8 // the cursor has not reached it
	Filtered DeliveryState = 9 // the destination does not want it
)

var deliveryStates = enum[DeliveryState]{"state of a delivery", []string{
	"", "retry", "held", "delivered", "dead", "skipped", "cancelled", "before", "waiting", "filtered",
}}

// String returns the name of the state, as it is in JSON and on the command line.
func (s DeliveryState) String() string { return deliveryStates.name(s) }

// MarshalText implements [encoding.TextMarshaler].
func (s DeliveryState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText parses the name of a state.
func (s *DeliveryState) UnmarshalText(text []byte) (err error) {
	*s, err = deliveryStates.parse(string(text))
	return err
}

// enum is the names of the values of a type, by value; "" is none.
type enum[T ~int16] struct {
	what  string
	names []string
}

func (e enum[T]) name(value T) string {
	if value < 0 || int(value) >= len(e.names) || e.names[value] == "" {
		return fmt.Sprintf("%s %d", e.what, value) // stored by a newer version
	}
	return e.names[value]
}

func (e enum[T]) parse(text string) (T, error) {
	for value, name := range e.names {
		if name == text && name != "" {
			return T(value), nil
		}
	}
	return 0, fmt.Errorf("%q is not a %s; use one of %q", text, e.what, e.names)
}
