package soap

import (
	"encoding/json"
	"encoding/xml"
	"strconv"
	"strings"
	"time"
)

// Record is a record type that go generate made from a WSDL, such as *lead.Lead.
type Record interface {
	// ObjectType is the API name of the record's type, the local name of its xsi:type.
	ObjectType() string
}

// UnmarshalRecord decodes the element start into record, a pointer to a generated struct, and leaves the fields that
// are xsi:nil as they are. encoding/xml by itself would make a zero of each of them. The generated types call it.
func UnmarshalRecord(d *xml.Decoder, start xml.StartElement, record any) error {
	return xml.NewTokenDecoder(&recordTokens{decoder: d, start: &start}).Decode(record)
}

// recordTokens are the tokens of one element, without the elements in it that are nil.
type recordTokens struct {
	decoder *xml.Decoder
	start   *xml.StartElement // to be given first
}

// Token implements xml.TokenReader.
func (r *recordTokens) Token() (xml.Token, error) {
	if r.start != nil {
		start := *r.start
		r.start = nil
		return start, nil
	}
	for {
		token, err := r.decoder.Token()
		start, isStart := token.(xml.StartElement)
		if err != nil || !isStart || !isNil(start) {
			return xml.CopyToken(token), err
		}
		if err := r.decoder.Skip(); err != nil {
			return nil, err
		}
	}
}

// isNil tells whether an element says xsi:nil.
func isNil(start xml.StartElement) bool {
	for _, a := range start.Attr {
		if a.Name.Space == XSINS && a.Name.Local == "nil" {
			return nilText(a.Value)
		}
	}
	return false
}

// nilText tells whether the value of xsi:nil, an xsd:boolean, is true.
func nilText[T string | []byte](value T) bool {
	switch strings.Trim(string(value), xmlSpace) {
	case "true", "1":
		return true
	}
	return false
}

const xmlSpace = " \t\r\n"

// parseTime reads text, trimmed as XML Schema says, as layout with an optional fraction and an optional zone.
func parseTime(kind, text, layout string) (time.Time, error) {
	text = strings.Trim(text, xmlSpace)
	for _, zone := range []string{"Z07:00", ""} {
		if t, err := time.Parse(layout+zone, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, &lexicalError{kind}
}

// lexicalError says that a text is not of its type. It does not hold the text: it may end in a log.
type lexicalError struct{ kind string }

func (e *lexicalError) Error() string { return "not an " + e.kind }

func quoted(text string) []byte { return strconv.AppendQuote(nil, text) }

// unquote gives the text of a JSON string to v.
func unquote(value []byte, v interface{ UnmarshalText([]byte) error }) error {
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		return err
	}
	return v.UnmarshalText([]byte(text))
}
