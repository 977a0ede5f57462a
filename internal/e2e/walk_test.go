package e2e_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// sent is a message as encoding/xml reads it from the wire, independently of the decoder of ackbox.
type sent struct {
	organization  string
	notifications []sentNotification
	body          []byte
}

type sentNotification struct {
	id, objectType string
	hasRecord      bool
	fields         []sentField
	begin, end     int64 // offsets of the element in the body
}

type sentField struct {
	name, text string
	isNil      bool
	begin, end int64 // offsets of the text
}

// walker processes the tokens of a body.
type walker struct {
	tb      testing.TB
	decoder *xml.Decoder
	path    []string
	message sent
}

// walk reads a body.
func walk(tb testing.TB, body []byte) sent {
	tb.Helper()
	w := &walker{tb: tb, decoder: xml.NewDecoder(bytes.NewReader(body)), message: sent{body: body}}
	for {
		offset := w.decoder.InputOffset()
		token, err := w.decoder.Token()
		if errors.Is(err, io.EOF) {
			return w.message
		}
		if err != nil {
			tb.Fatal(err)
		}
		w.token(token, offset)
	}
}

func (w *walker) token(token xml.Token, offset int64) {
	switch token := token.(type) {
	case xml.StartElement:
		w.path = append(w.path, token.Name.Local)
		w.start(token, offset)
	case xml.EndElement:
		if w.at("notifications/Notification") {
			w.last().end = w.decoder.InputOffset()
		}
		if f := w.field(); f != nil {
			f.end = offset
		}
		w.path = w.path[:len(w.path)-1]
	case xml.CharData:
		w.text(string(token))
	}
}

func (w *walker) start(e xml.StartElement, offset int64) {
	switch {
	case w.at("notifications/Notification"):
		w.message.notifications = append(w.message.notifications, sentNotification{begin: offset})
	case w.at("Notification/sObject"):
		w.last().hasRecord = true
		_, w.last().objectType, _ = strings.Cut(attribute(e, "type"), ":")
	case w.at("sObject/" + e.Name.Local):
		w.last().fields = append(w.last().fields, sentField{
			name: e.Name.Local, isNil: attribute(e, "nil") == "true", begin: w.decoder.InputOffset(),
		})
	case len(w.path) > 6:
		w.tb.Fatalf("%s: this test does not support nested fields", strings.Join(w.path, "/"))
	}
}

func (w *walker) text(text string) {
	switch {
	case w.at("notifications/OrganizationId"):
		w.message.organization += text
	case w.at("Notification/Id"):
		w.last().id += text
	default:
		if f := w.field(); f != nil {
			f.text += text
		}
	}
}

// at reports whether the walker is in an element with a parent, given as parent/element.
func (w *walker) at(end string) bool {
	return len(w.path) > 1 && strings.Join(w.path[len(w.path)-2:], "/") == end
}

func (w *walker) last() *sentNotification {
	return &w.message.notifications[len(w.message.notifications)-1]
}

// field returns the field that the walker is in, or nil.
func (w *walker) field() *sentField {
	if len(w.path) < 2 || w.path[len(w.path)-2] != "sObject" {
		return nil
	}
	return &w.last().fields[len(w.last().fields)-1]
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name && a.Name.Space == "http://www.w3.org/2001/XMLSchema-instance" {
			return a.Value
		}
	}
	return ""
}

// split returns a body for each notification, the last first, with the same bytes around its
// Notification element.
func (m sent) split() [][]byte {
	first, last := m.notifications[0].begin, m.notifications[len(m.notifications)-1].end
	var bodies [][]byte
	for _, n := range m.notifications {
		one := bytes.Join([][]byte{m.body[:first], m.body[n.begin:n.end], m.body[last:]}, nil)
		bodies = append([][]byte{one}, bodies...)
	}
	return bodies
}

// reversed returns the message with its notifications in reverse order.
func (m sent) reversed() []byte {
	first, last := m.notifications[0].begin, m.notifications[len(m.notifications)-1].end
	body := bytes.Clone(m.body[:first])
	for i := len(m.notifications) - 1; i >= 0; i-- {
		body = append(body, m.body[m.notifications[i].begin:m.notifications[i].end]...)
	}
	return append(body, m.body[last:]...)
}

// changed returns the message with one more digit in the first field with text, other than Id, and
// the id of its notification.
func (m sent) changed() (body []byte, id string, ok bool) {
	for _, n := range m.notifications {
		for _, f := range n.fields {
			if f.name != "Id" && f.text != "" {
				return bytes.Join([][]byte{m.body[:f.end], []byte("1"), m.body[f.end:]}, nil), n.id, true
			}
		}
	}
	return nil, "", false
}

// matches reports whether a stored value is the field as it was sent. A type turns some texts into
// numbers, which keep their digits, or into booleans.
func (f sentField) matches(value any) bool {
	switch value := value.(type) {
	case nil:
		return f.isNil
	case string:
		return !f.isNil && value == f.text
	case json.Number:
		return !f.isNil && value.String() == f.text
	case bool:
		want := []string{"false", "0"}
		if value {
			want = []string{"true", "1"}
		}
		return !f.isNil && slices.Contains(want, f.text)
	}
	return false
}
