package relay

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strconv"

	"ackbox/ledger"
)

// ContentType is the media type of an event as [Event.AppendJSON] writes it.
const ContentType = "application/cloudevents+json; charset=utf-8"

// ID returns the id of the event: 32 hexadecimal digits that depend on the identity and the content
// of the notification alone. So it is the same at every attempt, in a replay and at every
// destination.
func (e *Event) ID() string {
	n := &e.Notification
	var input []byte
	for _, part := range []string{n.Source, n.OrganizationID[:min(15, len(n.OrganizationID))], n.NotificationID} {
		input = binary.AppendUvarint(input, uint64(len(part)))
		input = append(input, part...)
	}
	sum := sha256.Sum256(append(input, n.Digest[:]...))
	return hex.EncodeToString(sum[:16])
}

// Attribute is an attribute of an event, as text. Its name is one of CloudEvents 1.0 or of our
// extensions, which docs/events.md lists.
type Attribute struct {
	Name, Value string
	// literal is true if the value is a literal of JSON, not a string.
	literal bool
}

// Attributes returns the attributes of the event, in the order in which they are written. See
// https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md.
func (e *Event) Attributes() []Attribute {
	n := &e.Notification
	all := make([]Attribute, 0, 10)
	add := func(name, value string) { all = append(all, Attribute{Name: name, Value: value}) }
	add("specversion", "1.0")
	add("id", e.ID())
	add("source", "/ackbox/"+url.PathEscape(n.Source)+"/"+url.PathEscape(n.OrganizationID))
	add("type", e.eventType())
	if n.RecordID != nil && *n.RecordID != "" {
		add("subject", printable(*n.RecordID))
	}
	add("time", ledger.FormatTime(n.ReceivedAt))
	add("datacontenttype", "application/json")
	all = append(all, Attribute{Name: "revision", Value: strconv.Itoa(n.Revision), literal: true})
	if n.ChangedAt != nil {
		add("changedat", ledger.FormatTime(*n.ChangedAt))
	}
	if e.Stale {
		all = append(all, Attribute{Name: "stale", Value: "true", literal: true})
	}
	return all
}

// TestType is the type of the event that tries a connection. It has no record.
const TestType = "ackbox.test"

// eventType returns the type of the event: the way in which the notification came in, and the type
// of its object.
func (e *Event) eventType() string {
	if e.Test {
		return TestType
	}
	intake := e.Notification.Intake.String()
	if e.Notification.Intake == ledger.SOAP {
		intake = "outbound"
	}
	t := "com.salesforce." + intake
	if object := e.Notification.ObjectType; object != nil && *object != "" {
		t += "." + printable(*object)
	}
	return t
}

// printable returns text with all but printable ASCII characters percent-encoded, and the percent
// sign itself.
func printable(text string) string {
	const hexDigits = "0123456789ABCDEF"
	var encoded []byte
	for i := range len(text) {
		if c := text[i]; c > ' ' && c < 0x7F && c != '%' {
			encoded = append(encoded, c)
		} else {
			encoded = append(encoded, '%', hexDigits[c>>4], hexDigits[c&0xF])
		}
	}
	return string(encoded)
}

// Data returns the data of the event: the notification as a line of the export has it.
func (e *Event) Data() ([]byte, error) {
	if e.Test {
		return []byte(`{}`), nil
	}
	return e.Notification.MarshalJSON()
}

// AppendJSON appends the event in the JSON format of CloudEvents.
func (e *Event) AppendJSON(to []byte) ([]byte, error) {
	data, err := e.Data()
	if err != nil {
		return nil, err
	}
	to = append(to, '{')
	for _, a := range e.Attributes() {
		to = append(append(append(to, '"'), a.Name...), '"', ':')
		if a.literal {
			to = append(to, a.Value...)
		} else {
			quoted, err := json.Marshal(a.Value)
			if err != nil {
				return nil, err
			}
			to = append(to, quoted...)
		}
		to = append(to, ',')
	}
	return append(append(append(to, `"data":`...), data...), '}'), nil
}
