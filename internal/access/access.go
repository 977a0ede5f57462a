// Package access controls who may connect and how much: it has the modes that the checks of access share, the bound of
// open connections and the rate limit of requests with unknown tokens. Package address knows where a request comes
// from, package certificate which client certificate came with it. They report what is wrong; the caller answers,
// records and counts it.
package access

import "fmt"

// Mode says what becomes of a message that a check of access finds wrong.
type Mode int

// The modes.
const (
	Off     Mode = iota // the check is not made
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
