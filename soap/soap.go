// Package soap reads the outbound messages of Salesforce and writes the answers to them. [Decode]
// parses an envelope strictly into a [ledger.Batch], [As] converts a record to the type that go
// generate made from its WSDL, [Ack] and [Fault] are the answers. The package knows neither HTTP
// nor SQL.
//
// The format of a message is that of the outbound-message WSDL that Setup offers for download
// ("Click for WSDL"):
// https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_om_outboundmessaging_wsdl.htm
package soap

// The namespaces of an outbound message. Names are compared by namespace, never by prefix.
const (
	// EnvelopeNS is the namespace of SOAP 1.1.
	EnvelopeNS = "http://schemas.xmlsoap.org/soap/envelope/"
	// Envelope12NS is the namespace of SOAP 1.2, which outbound messages do not use.
	Envelope12NS = "http://www.w3.org/2003/05/soap-envelope"
	// OutboundNS is the namespace of notifications, Notification, their Ids, sObject and the Ack.
	OutboundNS = "http://soap.sforce.com/2005/09/outbound"
	// SObjectNS is the namespace of the record types and their fields.
	SObjectNS = "urn:sobject.enterprise.soap.sforce.com"
	// XSINS is the namespace of the attributes nil and type.
	XSINS = "http://www.w3.org/2001/XMLSchema-instance"
)

// Limits of a message.
const (
	// MaxNotifications is the maximum number of notifications in one message: maxOccurs in every
	// outbound-message WSDL.
	MaxNotifications = 100
	// MaxID is the maximum length of an OrganizationId, an ActionId, the Id of a Notification or of a
	// record, and an object type, in bytes. Salesforce's ids have 18. A much longer id fits in no
	// database index, and its whole message could never be stored; the ActionId is stored with each
	// notification.
	MaxID = 255
)
