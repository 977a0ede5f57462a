// Package query is the language in which people say which notifications they mean, in the search of
// the console, in its API, and in the commands that select notifications:
//
//	object:Opportunity StageName="Closed Won" Amount>100000 -source:test since:24h
//
// A query is a list of terms that must all hold. This package parses a query and decides whether a
// notification matches it; it knows neither SQL nor HTTP.
package query

import (
	"strings"
	"time"
)

// Query is a parsed query. It matches what all of its terms match; one without terms matches
// everything.
type Query struct{ Terms []Term }

// Kind is what a term is about. Its text is the key with which terms of the kind are written, if
// they have one.
type Kind string

// The kinds of terms. Those without a key are recognized by their form.
const (
	Record       Kind = "record"       // the id of a record
	Notification Kind = "notification" // the id of a notification, which begins with 04l
	Text         Kind = "text"         // words that occur in the fields of the record
	Field        Kind = "field"        // a comparison with the value of a field

	Object       Kind = "object"
	Source       Kind = "source"
	Organization Kind = "organization"
	Action       Kind = "action"
	Intake       Kind = "intake"
	Is           Kind = "is"
	Since        Kind = "since"
	Until        Kind = "until"
	Changed      Kind = "changed"
	Destination  Kind = "destination"
	State        Kind = "state"
	Cause        Kind = "cause"
	Status       Kind = "status"
)

// keys are the kinds that are written as key:value, with the values that they may have, or nil for
// any.
var keys = map[Kind][]string{
	Object: nil, Source: nil, Organization: nil, Action: nil, Changed: nil, Destination: nil, Cause: nil,
	Status: nil, Since: nil, Until: nil,
	Intake: {"soap", "apex", "event", "change", "reconcile"},
	Is:     {"stale", "revision", "deleted"},
	State: {
		"dead", "retry", "held", "waiting", "delivered", "skipped", "filtered", "cancelled", "before",
	},
}

// Operator compares a field with a value.
type Operator string

// The operators of terms of the kind [Field].
const (
	Equal          Operator = "="
	NotEqual       Operator = "!="
	Less           Operator = "<"
	LessOrEqual    Operator = "<="
	Greater        Operator = ">"
	GreaterOrEqual Operator = ">="
	Contains       Operator = "~"
)

// Term is one condition of a query.
type Term struct {
	Kind Kind
	// Field and Operator are those of a term of the kind [Field].
	Field    string
	Operator Operator
	// Values are alternatives: one of them must match.
	Values []Value
	// Time is the time of a term of the kind [Since] or [Until].
	Time time.Time
	// Exclude inverts the term.
	Exclude bool
	// Start and End are where the term is in the text of the query, in bytes.
	Start, End int
}

// Value is what a term compares with.
type Value struct {
	Text string
	// Null is whether the value is null, which only fields have.
	Null bool
}

// String returns the query in the language. Parsing that gives the same query.
func (q Query) String() string {
	terms := make([]string, len(q.Terms))
	for i, t := range q.Terms {
		terms[i] = t.String()
	}
	return strings.Join(terms, " ")
}

// String returns the term in the language.
func (t Term) String() string {
	var b strings.Builder
	if t.Exclude {
		b.WriteByte('-')
	}
	switch _, hasKey := keys[t.Kind]; {
	case t.Kind == Since || t.Kind == Until:
		b.WriteString(string(t.Kind) + ":" + t.Time.UTC().Format(time.RFC3339Nano))
		return b.String()
	case t.Kind == Field:
		b.WriteString(t.Field + string(t.Operator))
	case hasKey:
		b.WriteString(string(t.Kind) + ":")
	}
	for i, v := range t.Values {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(t.written(v))
	}
	return b.String()
}

// written returns a value of the term as it must be written to be read as that.
func (t Term) written(v Value) string {
	switch {
	case v.Null:
		return null
	case t.Kind == Record || t.Kind == Notification:
		return v.Text
	case t.Kind == Text && isPlainWord(v.Text), t.Kind != Text && isPlainValue(v.Text):
		return v.Text
	}
	return quote(v.Text)
}

// quote returns a text in quotation marks.
func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}
