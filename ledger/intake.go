package ledger

import "fmt"

// Intake is the way in which a batch was received. Its values are stored.
type Intake int16

// The intakes.
const (
	SOAP      Intake = 0 // an outbound message
	Apex      Intake = 1 // an Apex callout with JSON
	Event     Intake = 2 // a platform event
	Change    Intake = 3 // a change event
	Reconcile Intake = 4 // a comparison with the records of the organization
)

var intakeNames = [...]string{
	SOAP: "soap", Apex: "apex", Event: "event", Change: "change", Reconcile: "reconcile",
}

// String returns the name of the intake, as it is in JSON and on the command line.
func (i Intake) String() string {
	if i < 0 || int(i) >= len(intakeNames) {
		return fmt.Sprintf("intake %d", int16(i)) // stored by a newer version
	}
	return intakeNames[i]
}

// MarshalText implements [encoding.TextMarshaler].
func (i Intake) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText parses the name of an intake.
func (i *Intake) UnmarshalText(text []byte) error {
	for intake, name := range intakeNames {
		if name == string(text) {
			*i = Intake(intake)
			return nil
		}
	}
	return fmt.Errorf("%q is not an intake; use soap, apex, event, change or reconcile", text)
}
