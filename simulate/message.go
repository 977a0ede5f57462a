package simulate

import (
	"strings"

	"ackbox/soap"
)

// SessionForm is what stands in a message's SessionId. Since February 2026 Salesforce sends no session id any more
// (help 005232763). Not documented is what a message that used to carry one has instead: all three forms are likely.
type SessionForm int

// The forms of SessionId.
const (
	// SessionNil is <SessionId xsi:nil="true"/>, as in every message that never asked for a session id.
	SessionNil SessionForm = iota
	// SessionEmpty is <SessionId></SessionId>.
	SessionEmpty
	// SessionAbsent leaves the element out, against the WSDL.
	SessionAbsent
	// SessionSent is a session id, made up, as it was until 2026.
	SessionSent
)

// Message is one POST of Salesforce: what an outbound message definition of one organization sends of 1 to
// [soap.MaxNotifications] records. [Message.Append] writes it.
type Message struct {
	// OrganizationID and ActionID are 18-character ids; the URLs are made with the organization's first 15.
	OrganizationID, ActionID string
	// Host is the organization's, such as "example.my.salesforce.com".
	Host string
	// APIVersion is the definition's, such as "65.0".
	APIVersion string
	// Session is what stands in SessionId.
	Session SessionForm
	// Notifications are written in this order.
	Notifications []Notification
}

// Notification is one record's part of a [Message].
type Notification struct {
	// ID is the notification's id, 04l….
	ID string
	// Record is the record as it is when it is sent; nil writes no sObject at all.
	Record *Record
}

// Record is one state of a record. It is never changed once it was made: a newer state is another Record.
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
	// Value is the lexical text. "" is null, as Salesforce has no empty text, and the element is left out.
	Value string
}

// Append appends the message byte for byte as Salesforce writes one: one space of indentation a level, the prefix sf
// declared on each sObject, null fields left out, no line end after the envelope.
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
		return append(to, "!AQ"+madeUpSession+"</SessionId>\n"...)
	}
	return to
}

// madeUpSession has the length and the characters of a session id and opens nothing.
var madeUpSession = strings.Repeat("NotASession.", 7) + "0123456789"

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
