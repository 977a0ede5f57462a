// Package guard knows who is at the door: the address of a client behind trusted proxies, whether that is one of
// Salesforce's, which certificate the client showed, whether that is the expected one, and who has knocked too often.
// It says what is wrong; what is then answered, recorded and counted is the caller's matter. The secret in the URL and
// the organizations of a source are not here: they are the source's own.
package guard

import "fmt"

// Mode says what becomes of a message that one of the doors finds wrong.
type Mode int

// The modes.
const (
	Off     Mode = iota // the door is not looked at
	Report              // the message is taken, and the operator is told
	Enforce             // the message is refused
)

var modeNames = [...]string{Off: "off", Report: "report", Enforce: "enforce"}

// String is the mode as it is set.
func (m Mode) String() string { return modeNames[m] }

// UnmarshalText reads off, report or enforce.
func (m *Mode) UnmarshalText(text []byte) error {
	for mode, name := range modeNames {
		if name == string(text) {
			*m = Mode(mode)
			return nil
		}
	}
	return fmt.Errorf("%q is no mode: off, report or enforce", text)
}
