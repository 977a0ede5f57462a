package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"ackbox/simulate"
	"ackbox/wsdl"
)

// sendMessages say what is sent.
type sendMessages struct {
	Object     string   `default:"Lead" help:"The object of the records, one that this binary has a WSDL of."`
	WSDL       string   `name:"wsdl" placeholder:"FILE" type:"existingfile" help:"Make records of this WSDL's object instead."`
	Body       []string `placeholder:"FILE" sep:"none" type:"existingfile" help:"Post these files as they are instead."`
	Org        string   `default:"${organization}" help:"The organization's id."`
	Action     string   `placeholder:"ID" help:"The outbound message definition's id; one for the object without it."`
	APIVersion string   `placeholder:"65.0" help:"The API version in the URLs; old and new ones without it."`
	Session    string   `enum:"nil,empty,absent,sent" default:"nil" help:"What SessionId holds: ${enum}. Not documented is what comes since session ids were removed in 2026."`
	Changes    float64  `placeholder:"P" help:"How likely a notification is of a record that was sent before and has changed since."`
	Seed       uint64   `placeholder:"N" help:"Make the same messages again, ids included; new ones without it."`
}

var sessionForms = map[string]simulate.SessionForm{
	"nil": simulate.SessionNil, "empty": simulate.SessionEmpty,
	"absent": simulate.SessionAbsent, "sent": simulate.SessionSent,
}

// open makes the generator of the messages, or reads the bodies that are posted instead.
func (m *sendMessages) open() (*simulate.Generator, [][]byte, error) {
	var bodies [][]byte
	for _, path := range m.Body {
		body, err := os.ReadFile(path)
		if err != nil {
			return nil, nil, err
		}
		bodies = append(bodies, body)
	}
	if len(bodies) > 0 {
		return nil, bodies, nil
	}
	definition, err := m.definition()
	if err != nil {
		return nil, nil, err
	}
	generator, err := simulate.NewGenerator(definition, simulate.GeneratorOptions{
		Seed: m.Seed, OrganizationID: m.Org, ActionID: m.Action, APIVersion: m.APIVersion, Session: sessionForms[m.Session],
		Changes: m.Changes,
	})
	return generator, nil, err
}

// definition finds the WSDL.
func (m *sendMessages) definition() (*wsdl.Definition, error) {
	if m.WSDL != "" {
		data, err := os.ReadFile(m.WSDL)
		if err != nil {
			return nil, err
		}
		return wsdl.Parse(filepath.Base(m.WSDL), data)
	}
	definitions, err := wsdl.Embedded()
	if err != nil {
		return nil, err
	}
	var known []string
	for _, d := range definitions {
		if strings.EqualFold(d.Object, m.Object) {
			return d, nil
		}
		known = append(known, d.Object)
	}
	return nil, fmt.Errorf("this binary has no WSDL of %s, only of %s; give one with --wsdl",
		m.Object, strings.Join(known, ", "))
}

// sendLoad says how much is sent, and how fast.
type sendLoad struct {
	Notifications countRange    `default:"1" help:"How many notifications a message has, 1 to 100, or a range as in 1-100."`
	Count         int           `help:"How many messages to send; 1 without --for."`
	For           time.Duration `placeholder:"TIME" help:"Make messages for so long, by the clock."`
	Concurrency   int           `default:"1" help:"How many messages are on their way at once."`
	Rate          float64       `placeholder:"N" help:"How many messages are made in a second of the clock; as many as possible without it."`
	Burst         int           `placeholder:"N" help:"How many messages come at once, at the same mean --rate."`
}

func (l *sendLoad) options(trouble sendTrouble, curve simulate.Curve, clock *simulate.Clock) simulate.SenderOptions {
	count := l.Count
	if count == 0 && l.For == 0 {
		count = 1
	}
	return simulate.SenderOptions{
		Count: count, For: l.For, Concurrency: l.Concurrency, Notifications: simulate.Range(l.Notifications),
		Rate: l.Rate, Burst: l.Burst, Disorder: trouble.Disorder, LostAck: trouble.LostAck, Rebatch: trouble.Rebatch,
		NewerData: trouble.NewerData, Deleted: trouble.Deleted, DeletedForm: deletedForms[trouble.DeletedForm],
		Retry: curve, Clock: clock,
	}
}

// sendTrouble says what goes wrong.
type sendTrouble struct {
	Disorder    float64 `placeholder:"P" help:"Messages are overtaken by later ones, and notifications lie out of order."`
	LostAck     float64 `placeholder:"P" help:"The Ack of a first delivery is lost, and the message comes again."`
	Rebatch     float64 `placeholder:"P" help:"What comes again is batched anew. Not documented is whether Salesforce does."`
	NewerData   float64 `placeholder:"P" help:"What comes again has newer data under its old id."`
	Deleted     float64 `placeholder:"P" help:"The record is gone: its notification has no data."`
	DeletedForm string  `enum:"absent,empty,id" default:"absent" help:"What stands in place of the data: no sObject, an empty one, or one with the Id (${enum}). Not documented."`
}

var deletedForms = map[string]simulate.DeletedForm{
	"absent": simulate.DeletedAbsent, "empty": simulate.DeletedEmpty, "id": simulate.DeletedID,
}

// sendRetry says when to try again.
type sendRetry struct {
	Retry      bool          `help:"Try again what was not acked, as Salesforce does: at growing intervals, for 24 hours."`
	FirstRetry time.Duration `default:"5s" help:"The first interval. Not documented: 2s to 1m are all said."`
	MaxRetry   time.Duration `default:"2h" help:"The longest interval."`
	DropAfter  time.Duration `default:"24h" help:"When to give up."`
	Clock      clockSpeed    `default:"1x" help:"How fast the clock runs that rate, retries and dropping go by, as in 1000x."`
}

func (r *sendRetry) curve() simulate.Curve {
	if !r.Retry {
		return simulate.Curve{}
	}
	return simulate.Curve{First: r.FirstRetry, Max: r.MaxRetry, DropAfter: r.DropAfter}
}

func (r *sendRetry) clock() *simulate.Clock { return simulate.NewClock(float64(r.Clock)) }

// clockSpeed is written as in 1000x.
type clockSpeed float64

// UnmarshalText reads a number above 0, with an x behind it or without.
func (s *clockSpeed) UnmarshalText(text []byte) error {
	speed, err := strconv.ParseFloat(strings.TrimSuffix(string(text), "x"), 64)
	if err != nil || !(speed > 0 && speed <= 1e6) {
		return fmt.Errorf("%q is no speed such as 1000x", text)
	}
	*s = clockSpeed(speed)
	return nil
}

// countRange is written as in 5 or 1-100.
type countRange simulate.Range

// UnmarshalText reads one number, or two with a hyphen between them.
func (r *countRange) UnmarshalText(text []byte) error {
	low, high, isRange := strings.Cut(string(text), "-")
	if !isRange {
		high = low
	}
	var errLow, errHigh error
	r.Min, errLow = strconv.Atoi(low)
	r.Max, errHigh = strconv.Atoi(high)
	if errors.Join(errLow, errHigh) != nil {
		return fmt.Errorf("%q is no number or range such as 1-100", text)
	}
	return nil
}
