// Package guard keeps strangers out and floods within bounds: it holds what its parts have in common, how many
// connections may be open, and how often somebody may knock at a door that is not there. Where a request comes from is
// for guard/address, which certificate its sender showed for guard/certificate. They say what is wrong; what is then
// answered, recorded and counted is the caller's matter.
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
