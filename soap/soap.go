// Package soap knows the wire: how an outbound message of Salesforce looks as bytes, what it means, and what may be
// answered. It decodes an envelope strictly into a [ledger.Batch], gives records the types ([As]) that go generate makes
// from the WSDLs, and holds the constant Ack and the Fault. It knows neither HTTP nor SQL.
//
// The shape of a message is that of the outbound-message WSDL that Setup offers for download ("Click for WSDL"):
// https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_om_outboundmessaging_wsdl.htm
package soap

// The namespaces of an outbound message. Names are matched by these, never by a prefix.
const (
	// EnvelopeNS is SOAP 1.1's namespace.
	EnvelopeNS = "http://schemas.xmlsoap.org/soap/envelope/"
	// Envelope12NS is SOAP 1.2's namespace, which no outbound message has.
	Envelope12NS = "http://www.w3.org/2003/05/soap-envelope"
	// OutboundNS has notifications, Notification, their Ids, sObject and the Ack.
	OutboundNS = "http://soap.sforce.com/2005/09/outbound"
	// SObjectNS has the record types and their fields.
	SObjectNS = "urn:sobject.enterprise.soap.sforce.com"
	// XSINS has the attributes nil and type.
	XSINS = "http://www.w3.org/2001/XMLSchema-instance"
)

// Bounds of a message.
const (
	// MaxNotifications is how many notifications one message may carry: maxOccurs in every outbound-message WSDL.
	MaxNotifications = 100
	// MaxID is how long the OrganizationId and a Notification's Id may be, in bytes: Salesforce's have 18. What is far
	// longer no database index takes, and it would hold up its whole message.
	MaxID = 255
)
