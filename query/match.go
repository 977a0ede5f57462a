package query

import (
	"bytes"
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"time"
)

// Subject is what a query is matched with.
type Subject struct {
	Source, OrganizationID, ActionID, NotificationID, Object, RecordID, Intake string
	Operation                                                                  string
	Revision                                                                   int
	ReceivedAt                                                                 time.Time
	Fields                                                                     json.RawMessage
}

// Matchable are the kinds of terms that [Query.Match] decides. The others are about what is not in
// a notification.
var Matchable = []Kind{
	Record, Notification, Text, Field, Object, Source, Organization, Action, Intake, Is, Since, Until,
}

// Match reports whether the query matches. Terms of other kinds than [Matchable] are ignored; the
// caller decides them, or refuses them with [Query.Only].
func (q Query) Match(s Subject) bool {
	m := matcher{Subject: s}
	for _, t := range q.Terms {
		if matches, decided := m.term(t); decided && matches == t.Exclude {
			return false
		}
	}
	return true
}

// Only returns an error for the first term that [Query.Match] does not decide.
func (q Query) Only() error {
	for _, t := range q.Terms {
		ofDestination := t.Kind == Is && slices.Contains(t.Values, Value{Text: "stale"})
		if ofDestination || !slices.Contains(Matchable, t.Kind) {
			return &Error{t.Start, t.String(), "this term cannot be used here: a stored notification " +
				"alone does not decide it"}
		}
	}
	return nil
}

// matcher matches terms with a subject whose fields it decodes once, when they are needed.
type matcher struct {
	Subject
	decoded bool
	fields  map[string]json.RawMessage
}

// term reports whether a term matches, whatever Exclude is, and whether that could be decided.
func (m *matcher) term(t Term) (matches, decided bool) {
	switch t.Kind {
	case Since:
		return !m.ReceivedAt.Before(t.Time), true
	case Until:
		return m.ReceivedAt.Before(t.Time), true
	default:
	}
	for _, v := range t.Values {
		matches, decided := m.value(t, v)
		if matches || !decided {
			return matches, decided
		}
	}
	return false, true
}

func (m *matcher) value(t Term, v Value) (matches, decided bool) {
	switch t.Kind {
	case Record:
		return sameID(m.RecordID, v.Text), true
	case Notification:
		return sameID(m.NotificationID, v.Text), true
	case Object:
		return strings.EqualFold(m.Object, v.Text), true
	case Source:
		return m.Source == v.Text, true
	case Organization:
		return sameID(m.OrganizationID, v.Text), true
	case Action:
		return sameID(m.ActionID, v.Text), true
	case Intake:
		return m.Intake == v.Text, true
	case Is:
		return v.Text == "revision" && m.Revision > 1 || v.Text == "deleted" && m.Operation == "delete",
			v.Text != "stale"
	case Text:
		return m.contains(v.Text), true
	case Field:
		return compare(m.field(t.Field), t.Operator, v), true
	default:
		return false, false
	}
}

// sameID reports whether two ids are the same in their forms of 15 and of 18 characters.
func sameID(a, b string) bool {
	if len(a) == 15 && len(b) == 18 || len(a) == 18 && len(b) == 15 {
		return a[:15] == b[:15]
	}
	return a == b
}

func (m *matcher) decode() {
	if m.decoded {
		return
	}
	m.decoded = true
	_ = json.Unmarshal(m.Fields, &m.fields) // none without a record
}

// field returns the JSON of a field, or nil.
func (m *matcher) field(name string) json.RawMessage {
	m.decode()
	return m.fields[name]
}

// contains reports whether the value of a field contains a text, in any case.
func (m *matcher) contains(part string) bool {
	m.decode()
	part = strings.ToLower(part)
	for _, value := range m.fields {
		if text, ok := textOf(value); ok && strings.Contains(strings.ToLower(text), part) {
			return true
		}
	}
	return false
}

// textOf returns the value of a field as text: that of a string, the digits of a number, true or
// false, or the JSON of what has parts. It returns false for null and for no value.
func textOf(value json.RawMessage) (string, bool) {
	switch {
	case len(value) == 0 || bytes.Equal(value, []byte(null)):
		return "", false
	case value[0] != '"':
		return string(value), true
	}
	var text string
	err := json.Unmarshal(value, &text)
	return text, err == nil
}

// compare compares the value of a field. A field that is absent or null only matches null.
func compare(field json.RawMessage, operator Operator, with Value) bool {
	text, ok := textOf(field)
	switch {
	case with.Null:
		return ok == (operator == NotEqual)
	case !ok:
		return false
	case operator == Contains:
		return strings.Contains(strings.ToLower(text), strings.ToLower(with.Text))
	}
	order, comparable := orderOf(field, text, with.Text)
	switch operator {
	case Equal:
		return text == with.Text || comparable && order == 0
	case NotEqual:
		return text != with.Text && (!comparable || order != 0)
	case Less:
		return comparable && order < 0
	case LessOrEqual:
		return comparable && order <= 0
	case Greater:
		return comparable && order > 0
	case GreaterOrEqual:
		return comparable && order >= 0
	default:
		return false
	}
}

// orderOf compares two values as numbers, if the field is one, or as times. It returns false for
// others.
func orderOf(field json.RawMessage, text, with string) (order int, ok bool) {
	if field[0] != '"' {
		a, aOK := numberOf(text)
		b, bOK := numberOf(with)
		if aOK && bOK {
			return a.Cmp(b), true
		}
		return 0, false
	}
	a, aOK := timeOf(text)
	b, bOK := timeOf(with)
	return a.Compare(b), aOK && bOK
}

// numberOf parses a number exactly. It refuses those that would take much memory.
func numberOf(text string) (*big.Rat, bool) {
	const maxDigits = 100
	mantissa, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	if len(mantissa) > maxDigits || len(exponent) > 4 || strings.ContainsAny(mantissa, "/_xob") {
		return nil, false
	}
	if e := strings.TrimLeft(exponent, "+-0"); len(e) > 3 || len(e) == 3 && e > "400" {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

// timeOf parses a date or time as Salesforce writes it.
func timeOf(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}
