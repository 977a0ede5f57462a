package query

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"ackbox/ledger"
)

// The limits of a query.
const (
	MaxSize   = 4096 // bytes
	MaxTerms  = 50
	MaxValues = 100 // of one term
)

// null is the value that no quotation marks surround.
const null = "null"

// Error says what is wrong with a query, and where.
type Error struct {
	Offset int    // of the place in the text, in bytes
	Near   string // what stands there, shortened; "" at the end
	Reason string
}

// Error implements error.
func (e *Error) Error() string {
	if e.Near == "" {
		return e.Reason + ", at the end of the query"
	}
	return fmt.Sprintf("%s, at %q", e.Reason, e.Near)
}

// newError returns the error about a place in a text.
func newError(text string, offset int, reason string) *Error {
	const most = 30 // characters
	near := []rune(text[offset:])
	if len(near) > most {
		near = append(near[:most], '…')
	}
	return &Error{offset, string(near), reason}
}

// Parse parses a query. Times such as since:24h are before now. An error is an [Error].
//
// Terms are separated by white space. A term is an id, a word or a "phrase" of the record's text, a
// key with values as in object:Lead,Contact, or a field, an operator and values as in
// StageName="Closed Won". A minus sign before a term excludes what it matches. In quotation marks, \"
// and \\ stand for a quotation mark and a backslash.
func Parse(text string, now time.Time) (Query, error) {
	if len(text) > MaxSize {
		return Query{}, &Error{Reason: fmt.Sprintf("the query is longer than %d bytes", MaxSize)}
	}
	p := &parser{text: text, now: now}
	for i, r := range text { // of invalid UTF-8, too
		if r == utf8.RuneError || unicode.IsControl(r) && !unicode.IsSpace(r) {
			return Query{}, newError(text, i, "a query must be printable text")
		}
	}
	var q Query
	for p.space(); p.pos < len(text); p.space() {
		term, err := p.term()
		if err != nil {
			return Query{}, err
		}
		if len(q.Terms) == MaxTerms {
			return Query{}, p.fail(term.Start, "a query has at most %d terms", MaxTerms)
		}
		q.Terms = append(q.Terms, term)
	}
	return q, nil
}

type parser struct {
	text string
	pos  int
	now  time.Time
}

func (p *parser) fail(offset int, format string, args ...any) *Error {
	return newError(p.text, offset, fmt.Sprintf(format, args...))
}

// rest returns what is not parsed yet.
func (p *parser) rest() string { return p.text[p.pos:] }

func (p *parser) space() {
	p.pos += len(p.rest()) - len(strings.TrimLeftFunc(p.rest(), unicode.IsSpace))
}

// ended reports whether a term ends here.
func (p *parser) ended() bool {
	r, _ := utf8.DecodeRuneInString(p.rest())
	return p.pos == len(p.text) || unicode.IsSpace(r)
}

// skip skips a text if it is next, and reports whether it was.
func (p *parser) skip(text string) bool {
	if !strings.HasPrefix(p.rest(), text) {
		return false
	}
	p.pos += len(text)
	return true
}

// term parses a term.
func (p *parser) term() (Term, *Error) {
	t := Term{Start: p.pos}
	t.Exclude = p.skip("-")
	if p.ended() {
		return t, p.fail(t.Start, `a term must follow "-" at once`)
	}
	name := p.name()
	var err *Error
	switch operator := p.operator(); {
	case name == "" || operator == "":
		p.pos -= len(name) + len(operator)
		err = p.word(&t)
	case operator == ":":
		err = p.keyed(&t, name)
	default:
		t.Kind, t.Field, t.Operator = Field, name, Operator(operator)
		err = p.values(&t)
	}
	t.End = p.pos
	return t, err
}

// name parses the name of a key or of a field, which may be empty.
func (p *parser) name() string {
	start := p.pos
	for i, r := range p.rest() {
		if r != '_' && r != '.' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			p.pos += i
			return p.text[start:p.pos]
		}
	}
	p.pos = len(p.text)
	return p.text[start:]
}

// operators are what may follow a name, the longer ones first.
var operators = []string{
	":", string(NotEqual), string(LessOrEqual), string(GreaterOrEqual), string(Equal), string(Less),
	string(Greater), string(Contains),
}

func (p *parser) operator() string {
	for _, o := range operators {
		if p.skip(o) {
			return o
		}
	}
	return ""
}

// word parses an id, a word or a phrase.
func (p *parser) word(t *Term) *Error {
	t.Kind = Text
	if strings.HasPrefix(p.rest(), `"`) {
		text, err := p.quoted()
		t.Values = []Value{{Text: text}}
		switch {
		case err != nil:
			return err
		case !p.ended():
			return p.fail(p.pos, "white space must follow a phrase")
		case strings.TrimSpace(text) == "":
			return p.fail(t.Start, "a phrase must not be empty")
		}
		return nil
	}
	start := p.pos
	if i := strings.IndexFunc(p.rest(), unicode.IsSpace); i >= 0 {
		p.pos += i
	} else {
		p.pos = len(p.text)
	}
	word := p.text[start:p.pos]
	if i := strings.IndexByte(word, '"'); i >= 0 {
		return p.fail(start+i, `put the whole phrase into quotation marks, with \" for those in it`)
	}
	if repaired, ok := ledger.RepairID(word); ok {
		word = repaired
	}
	t.Values = []Value{{Text: word}}
	switch {
	case isNotificationID(word):
		t.Kind = Notification
	case isRecordID(word):
		t.Kind = Record
	}
	return nil
}

// keyed parses what follows a key.
func (p *parser) keyed(t *Term, key string) *Error {
	t.Kind = Kind(strings.ToLower(key))
	allowed, ok := keys[t.Kind]
	if !ok {
		return p.fail(t.Start, "%q is no key; use %s, or put the text into quotation marks", key+":", keyList())
	}
	start := p.pos
	if err := p.values(t); err != nil {
		return err
	}
	for i, v := range t.Values {
		switch {
		case t.Kind == Since || t.Kind == Until:
			return p.time(t, start)
		case v.Text == "":
			return p.fail(start, "%s: must not be empty", t.Kind)
		case allowed != nil:
			if t.Values[i].Text = strings.ToLower(v.Text); !slices.Contains(allowed, t.Values[i].Text) {
				return p.fail(start, "%s: must be one of %s", t.Kind, strings.Join(allowed, ", "))
			}
		}
	}
	return nil
}

func keyList() string {
	var list []string
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		list = append(list, string(k)+":")
	}
	return strings.Join(list, " ")
}

// values parses one or more values, separated by commas. Only fields can be null.
func (p *parser) values(t *Term) *Error {
	for {
		start := p.pos
		v, err := p.value()
		switch {
		case err != nil:
			return err
		case v.Null && t.Kind != Field:
			v = Value{Text: null}
		case v.Null && t.Operator != Equal && t.Operator != NotEqual:
			return p.fail(start, `null can only be compared with = and !=; the text is written "null"`)
		}
		if len(t.Values) == MaxValues {
			return p.fail(start, "a term has at most %d values", MaxValues)
		}
		t.Values = append(t.Values, v)
		if !p.skip(",") {
			break
		}
	}
	if !p.ended() {
		return p.fail(p.pos, "a comma or white space must follow a value")
	}
	return nil
}

// value parses one value. Without quotation marks it ends before a comma or white space.
func (p *parser) value() (v Value, err *Error) {
	if strings.HasPrefix(p.rest(), `"`) {
		v.Text, err = p.quoted()
		return v, err
	}
	start := p.pos
	end := strings.IndexFunc(p.rest(), func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
	if end < 0 {
		end = len(p.rest())
	}
	p.pos += end
	text := p.text[start:p.pos]
	if text == "" {
		return v, p.fail(start, `a value is missing; the empty text is written ""`)
	}
	if i := strings.IndexByte(text, '"'); i >= 0 {
		return v, p.fail(start+i, `put the whole value into quotation marks, with \" for those in it`)
	}
	if text == null {
		return Value{Null: true}, nil
	}
	return Value{Text: text}, nil
}

// quoted parses a text in quotation marks.
func (p *parser) quoted() (string, *Error) {
	start := p.pos
	p.skip(`"`)
	var b strings.Builder
	for p.pos < len(p.text) {
		switch c := p.text[p.pos]; {
		case c == '"':
			p.pos++
			return b.String(), nil
		case c == '\\' && p.pos+1 < len(p.text) && strings.IndexByte(`"\`, p.text[p.pos+1]) >= 0:
			p.pos++
			fallthrough
		default:
			b.WriteByte(p.text[p.pos])
			p.pos++
		}
	}
	return "", p.fail(start, "the quotation mark that ends this is missing")
}

// time sets the time of a term from its only value.
func (p *parser) time(t *Term, offset int) *Error {
	if len(t.Values) == 1 {
		if at, ok := parseTime(t.Values[0].Text, p.now); ok {
			t.Time, t.Values = at, nil
			return nil
		}
	}
	return p.fail(offset, "%s: must be a time such as 2026-11-24, 2026-11-24T18:00 or "+
		"2026-11-24T18:00:00Z, in UTC unless it says otherwise, or 90m, 24h or 30d for that long ago", t.Kind)
}

func parseTime(text string, now time.Time) (time.Time, bool) {
	for _, layout := range []string{
		time.RFC3339, time.DateOnly, "2006-01-02T15:04", "2006-01-02T15:04:05",
	} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), 0 <= at.UTC().Year() && at.UTC().Year() <= 9999
		}
	}
	ago, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, parseErr := strconv.ParseUint(days, 10, 16)
		ago, err = time.Duration(n)*24*time.Hour, parseErr
	}
	if err != nil || ago < 0 || ago > 100*365*24*time.Hour {
		return time.Time{}, false
	}
	return now.Add(-ago).UTC(), true
}

// isNotificationID reports whether a word is the id of a notification: its key prefix is 04l.
func isNotificationID(word string) bool { return strings.HasPrefix(word, "04l") && isID(word) }

// isRecordID reports whether a word is the id of a record: unlike a word of 15 or 18 letters, an id
// has digits.
func isRecordID(word string) bool { return isID(word) && strings.ContainsAny(word, "0123456789") }

// isID reports whether a word has the form of an id of Salesforce.
func isID(word string) bool {
	return (len(word) == 15 || len(word) == 18) && strings.IndexFunc(word, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) < 0
}

// isPlainValue reports whether a value can be written without quotation marks.
func isPlainValue(text string) bool {
	return text != "" && text != null && !strings.ContainsFunc(text, func(r rune) bool {
		return r == ',' || r == '"' || r == '\\' || unicode.IsSpace(r)
	})
}

// isPlainWord reports whether a text is read as a word of the record's text.
func isPlainWord(text string) bool {
	return text != "" && !isRecordID(text) && !isNotificationID(text) &&
		!strings.ContainsFunc(text, func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r)
		})
}
