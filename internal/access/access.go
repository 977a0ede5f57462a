// Package access controls who may connect and how often: it has the modes of the access checks, the
// limit of open connections and the rate limiter for requests with unknown tokens. Package address
// determines where a request comes from, package certificate which client certificate came with
// it. They report what is wrong; the caller answers, records and counts it.
package access

import "fmt"

// Mode determines what happens to a message that fails an access check.
type Mode int

// The modes.
const (
	Off     Mode = iota // the check is not made
	Report              // the message is accepted and the failure reported to the operator
	Enforce             // the message is refused
)

var modeNames = [...]string{Off: "off", Report: "report", Enforce: "enforce"}

// String returns off, report or enforce.
func (m Mode) String() string { return modeNames[m] }

// UnmarshalText parses off, report or enforce.
func (m *Mode) UnmarshalText(text []byte) error {
	for mode, name := range modeNames {
		if name == string(text) {
			*m = Mode(mode)
			return nil
		}
	}
	return fmt.Errorf("%q is not a mode: use off, report or enforce", text)
}
