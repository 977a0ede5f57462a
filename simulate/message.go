package simulate

import (
	"strings"

	"ackbox/soap"
)

// SessionForm is the form of a message's SessionId. Since February 2026 Salesforce sends no session
// id (help 005232763). Not documented: what takes its place in a message whose definition asks for
// one. All three other forms are plausible.
type SessionForm int

// The forms of SessionId.
const (
	// SessionNil is <SessionId xsi:nil="true"/>, as in every message whose definition does not ask
	// for a session id.
	SessionNil SessionForm = iota
	// SessionEmpty is <SessionId></SessionId>.
	SessionEmpty
	// SessionAbsent omits the element, contrary to the WSDL.
	SessionAbsent
	// SessionSent is a fake session id, of the form that was sent until 2026.
	SessionSent
)

// Message is the content of one POST: 1 to [soap.MaxNotifications] notifications of one outbound
// message definition of one organization. [Message.Append] writes it.
type Message struct {
	// OrganizationID and ActionID are 18-character ids. The URLs contain the first 15 characters of
	// the former.
	OrganizationID, ActionID string
	// Host is the organization's host, such as "example.my.salesforce.com".
	Host string
	// APIVersion is the API version of the definition, such as "65.0".
	APIVersion string
	// Session is the form of SessionId.
	Session SessionForm
	// Notifications are written in this order.
	Notifications []Notification
}

// Notification is one notification of a [Message].
type Notification struct {
	// ID is the notification's id, which begins with 04l.
	ID string
	// Record is the record at the time of sending; nil writes no sObject.
	Record *Record
}

// Record is one state of a record. It is immutable: a newer state is another Record.
type Record struct {
	// Object is the API name of the record's type.
	Object string
	// ID is written first; "" writes no Id.
	ID string
	// Fields are written in this order. Salesforce's is by code point of the API name.
	Fields []Field
}

// Field is one field of a [Record].
type Field struct {
	// Name is the API name.
	Name string
	// Value is the lexical form. "" is null, because Salesforce has no empty strings, and the
	// element is omitted.
	Value string
}

// Append appends the message to a slice, byte for byte as Salesforce writes one: one space of
// indentation per level, the prefix sf declared on each sObject, null fields omitted, no line end
// after the envelope.
func (m *Message) Append(to []byte) []byte {
	to = append(to, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+
		`<soapenv:Envelope xmlns:soapenv="`+soap.EnvelopeNS+`" xmlns:xsd="http://www.w3.org/2001/XMLSchema"`+
		` xmlns:xsi="`+soap.XSINS+`">`+"\n <soapenv:Body>\n  "+`<notifications xmlns="`+soap.OutboundNS+`">`+
		"\n   <OrganizationId>"...)
	to = appendText(to, m.OrganizationID)
	to = append(to, "</OrganizationId>\n   <ActionId>"...)
	to = appendText(to, m.ActionID)
	to = append(to, "</ActionId>\n"...)
	to = m.appendSession(to)
	to = m.appendURL(to, "EnterpriseUrl", "c")
	to = m.appendURL(to, "PartnerUrl", "u")
	for i := range m.Notifications {
		to = m.Notifications[i].append(to)
	}
	return append(to, "  </notifications>\n </soapenv:Body>\n</soapenv:Envelope>"...)
}

func (m *Message) appendSession(to []byte) []byte {
	switch m.Session {
	case SessionNil:
		return append(to, "   <SessionId xsi:nil=\"true\"/>\n"...)
	case SessionEmpty:
		return append(to, "   <SessionId></SessionId>\n"...)
	case SessionAbsent:
	case SessionSent:
		to = append(to, "   <SessionId>"...)
		to = appendText(to, first15(m.OrganizationID))
		return append(to, "!AQ"+fakeSession+"</SessionId>\n"...)
	}
	return to
}

// fakeSession has the length and the characters of a session id and is not valid anywhere.
var fakeSession = strings.Repeat("NotASession.", 7) + "0123456789"

func (m *Message) appendURL(to []byte, element, api string) []byte {
	to = append(to, "   <"+element+">https://"...)
	to = appendText(to, m.Host)
	to = append(to, "/services/Soap/"+api+"/"...)
	to = appendText(to, m.APIVersion)
	to = append(to, '/')
	to = appendText(to, first15(m.OrganizationID))
	return append(to, "</"+element+">\n"...)
}

func (n *Notification) append(to []byte) []byte {
	to = append(to, "   <Notification>\n    <Id>"...)
	to = appendText(to, n.ID)
	to = append(to, "</Id>\n"...)
	if n.Record != nil {
		to = n.Record.append(to)
	}
	return append(to, "   </Notification>\n"...)
}

func (r *Record) append(to []byte) []byte {
	to = append(to, `    <sObject xsi:type="sf:`...)
	to = append(to, r.Object...)
	to = append(to, `" xmlns:sf="`+soap.SObjectNS+`">`+"\n"...)
	if r.ID != "" {
		to = appendField(to, "Id", r.ID)
	}
	for i := range r.Fields {
		if r.Fields[i].Value != "" {
			to = appendField(to, r.Fields[i].Name, r.Fields[i].Value)
		}
	}
	return append(to, "    </sObject>\n"...)
}

func appendField(to []byte, name, value string) []byte {
	to = append(to, "     <sf:"...)
	to = append(to, name...)
	to = append(to, '>')
	to = appendText(to, value)
	to = append(to, "</sf:"...)
	to = append(to, name...)
	return append(to, ">\n"...)
}
