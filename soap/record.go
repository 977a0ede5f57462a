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
	// ObjectType returns the API name of the record's type, which is the local name of its xsi:type.
	ObjectType() string
}

// UnmarshalRecord decodes the element start into record, a pointer to a generated struct. It leaves
// null fields as they are, where encoding/xml by itself would set zeros. The generated types call
// it.
func UnmarshalRecord(d *xml.Decoder, start xml.StartElement, record any) error {
	return xml.NewTokenDecoder(&recordTokens{d, []xml.Token{start}}).Decode(record)
}

// recordTokens reads the tokens of one element, without the null elements in it: those with xsi:nil
// and only white space and comments inside. XML Schema forbids any content in an element with
// xsi:nil (https://www.w3.org/TR/xmlschema-1/#cvc-elt, 3.2.1). If there is some all the same, it is
// the value, as it is for [Decode]: nothing that was sent is dropped.
type recordTokens struct {
	decoder *xml.Decoder
	ahead   []xml.Token // read from decoder and not yet returned
}

// Token implements xml.TokenReader.
func (r *recordTokens) Token() (xml.Token, error) {
	for len(r.ahead) == 0 {
		if err := r.read(); err != nil {
			return nil, err
		}
	}
	token := r.ahead[0]
	r.ahead = r.ahead[1:]
	return token, nil
}

// read reads the next token. After the start of an element with xsi:nil it reads on, up to the
// content of that element; if there is none, it drops the element.
func (r *recordTokens) read() error {
	token, err := r.readOne()
	if start, ok := token.(xml.StartElement); !ok || !isNil(start) {
		return err
	}
	for {
		token, err := r.readOne()
		if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.EndElement:
			r.ahead = nil
			return nil
		case xml.StartElement:
			return nil
		case xml.CharData:
			if !isBlank([]byte(token)) {
				return nil
			}
		}
	}
}

// readOne reads one token from the decoder, appends it to ahead and returns it.
func (r *recordTokens) readOne() (xml.Token, error) {
	token, err := r.decoder.Token()
	if err != nil {
		return nil, err
	}
	token = xml.CopyToken(token)
	r.ahead = append(r.ahead, token)
	return token, nil
}

// isNil reports whether an element has xsi:nil="true".
func isNil(start xml.StartElement) bool {
	for _, a := range start.Attr {
		if a.Name.Space == XSINS && a.Name.Local == "nil" {
			return nilText(a.Value)
		}
	}
	return false
}

// nilText reports whether the value of xsi:nil, an xsd:boolean, is true.
func nilText[T string | []byte](value T) bool {
	switch strings.Trim(string(value), xmlSpace) {
	case "true", "1":
		return true
	}
	return false
}

const xmlSpace = " \t\r\n"

// parseTime parses text in a layout with an optional fraction and an optional zone. It ignores the
// white space around text, as XML Schema says.
func parseTime(kind, text, layout string) (time.Time, error) {
	text = strings.Trim(text, xmlSpace)
	for _, zone := range []string{"Z07:00", ""} {
		if t, err := time.Parse(layout+zone, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, &lexicalError{kind}
}

// lexicalError is the error for a text that is not in the lexical space of its type. It does not
// contain the text, because errors are logged.
type lexicalError struct{ kind string }

func (e *lexicalError) Error() string { return "not an " + e.kind }

func quoted(text string) []byte { return strconv.AppendQuote(nil, text) }

// unquote parses the text of a JSON string into v.
func unquote(value []byte, v interface{ UnmarshalText([]byte) error }) error {
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		return err
	}
	return v.UnmarshalText([]byte(text))
}
