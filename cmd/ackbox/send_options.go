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

// sendMessages holds the flags for the content of messages.
type sendMessages struct {
	Object     string   `default:"Lead" help:"The object of the records. This binary must have a WSDL of it."`
	WSDL       string   `name:"wsdl" placeholder:"FILE" type:"existingfile" help:"Send records of this WSDL's object instead."`
	Body       []string `placeholder:"FILE" sep:"none" type:"existingfile" help:"Post this file unchanged instead. May be repeated."`
	Org        string   `default:"${organization}" help:"The organization id."`
	Force      bool     `help:"Accept an --org that is not the id of an organization."`
	Action     string   `placeholder:"ID" help:"The id of the outbound message definition (default: one per organization and object)."`
	APIVersion string   `placeholder:"65.0" help:"The API version in the URLs (default: at random)."`
	Session    string   `enum:"nil,empty,absent,sent" default:"nil" help:"The form of SessionId: ${enum}. Not documented since Salesforce removed session ids in 2026."`
	Changes    float64  `placeholder:"P" help:"The probability that a notification is of a record that was sent before and has changed."`
	Records    int      `placeholder:"N" help:"Send changes of so many records that exist, such as 1000000, drawn at random, instead of new ones."`
	Seed       uint64   `placeholder:"N" help:"Make the messages reproducible, ids included."`
}

var sessionForms = map[string]simulate.SessionForm{
	"nil": simulate.SessionNil, "empty": simulate.SessionEmpty,
	"absent": simulate.SessionAbsent, "sent": simulate.SessionSent,
}

// open returns the generator of the messages, or the bodies that are posted instead.
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
		Seed: m.Seed, OrganizationID: simulate.FullID(m.Org), ActionID: m.Action, APIVersion: m.APIVersion,
		Session: sessionForms[m.Session],
		Changes: m.Changes, Pool: max(m.Records, 0),
	})
	return generator, nil, err
}

// definition returns the definition of the WSDL.
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

// sendLoad holds the flags for the number and rate of messages.
type sendLoad struct {
	Notifications countRange    `default:"1" help:"The number of notifications in a message: 1 to 100, or a range such as 1-100."`
	Count         int           `help:"The number of messages (default: 1, or each --body once; unlimited with --for)."`
	For           time.Duration `placeholder:"TIME" help:"Create messages for this long, by --clock."`
	Concurrency   int           `default:"1" help:"The number of concurrent deliveries."`
	Rate          float64       `placeholder:"N" help:"The number of messages per second, by --clock (default: as many as possible)."`
	Burst         int           `placeholder:"N" help:"The number of messages created at once, at the same mean --rate."`
}

func (l *sendLoad) options(
	failures sendFailures, curve simulate.Curve, clock *simulate.Clock,
) simulate.SenderOptions {
	count := l.Count
	if count == 0 && l.For == 0 {
		count = 1
	}
	return simulate.SenderOptions{
		Count: count, For: l.For, Concurrency: l.Concurrency, Rate: l.Rate, Burst: l.Burst,
		Notifications: simulate.Range(l.Notifications),
		Disorder:      failures.Disorder, LostAck: failures.LostAck,
		Rebatch: failures.Rebatch, NewerData: failures.NewerData, Deleted: failures.Deleted,
		DeletedForm: deletedForms[failures.DeletedForm], Retry: curve, Clock: clock,
	}
}

// sendFailures holds the flags for what goes wrong.
type sendFailures struct {
	Disorder    float64 `placeholder:"P" help:"Later messages overtake a message, and its notifications are shuffled."`
	LostAck     float64 `placeholder:"P" help:"The Ack of a first delivery is lost, and the message is delivered again."`
	Rebatch     float64 `placeholder:"P" help:"A redelivery is split and merged differently. Not documented for Salesforce."`
	NewerData   float64 `placeholder:"P" help:"A redelivered notification has newer data under the same id."`
	Deleted     float64 `placeholder:"P" help:"The record was deleted: its notification has no data."`
	DeletedForm string  `enum:"absent,empty,id" default:"absent" help:"What replaces the data: no sObject, an empty one, or one with the Id (${enum}). Not documented for Salesforce."`
}

var deletedForms = map[string]simulate.DeletedForm{
	"absent": simulate.DeletedAbsent, "empty": simulate.DeletedEmpty, "id": simulate.DeletedID,
}

// sendRetry holds the flags for retries.
type sendRetry struct {
	Retry      bool          `help:"Retry what was not acked, as Salesforce does: at growing intervals, for 24 hours."`
	FirstRetry time.Duration `default:"5s" help:"The first interval. Not documented for Salesforce: sources name 2s to 1m."`
	MaxRetry   time.Duration `default:"2h" help:"The longest interval."`
	DropAfter  time.Duration `default:"24h" help:"The time after which a notification is dropped."`
	Clock      clockSpeed    `default:"1x" help:"The speed of the clock for rates, retries and dropping, such as 1000x."`
}

func (r *sendRetry) curve() simulate.Curve {
	if !r.Retry {
		return simulate.Curve{}
	}
	return simulate.Curve{First: r.FirstRetry, Max: r.MaxRetry, DropAfter: r.DropAfter}
}

func (r *sendRetry) clock() *simulate.Clock { return simulate.NewClock(float64(r.Clock)) }

// clockSpeed is a speed such as 1000x.
type clockSpeed float64

// UnmarshalText parses a number above 0, with or without an x after it.
func (s *clockSpeed) UnmarshalText(text []byte) error {
	speed, err := strconv.ParseFloat(strings.TrimSuffix(string(text), "x"), 64)
	if err != nil || !(speed > 0 && speed <= 1e6) {
		return fmt.Errorf("%q is not a speed such as 1000x", text)
	}
	*s = clockSpeed(speed)
	return nil
}

// countRange is a number or a range, such as 5 or 1-100.
type countRange simulate.Range

// UnmarshalText parses a number, or two separated by a hyphen.
func (r *countRange) UnmarshalText(text []byte) error {
	low, high, isRange := strings.Cut(string(text), "-")
	if !isRange {
		high = low
	}
	var errLow, errHigh error
	r.Min, errLow = strconv.Atoi(low)
	r.Max, errHigh = strconv.Atoi(high)
	if errors.Join(errLow, errHigh) != nil {
		return fmt.Errorf("%q is not a number or a range such as 1-100", text)
	}
	return nil
}
