package soap

import "encoding/json"

// Message is one POST of Salesforce: what an outbound message definition (ActionID) of one organization sent of 1 to
// [MaxNotifications] records. Its SessionId is read over and never kept.
type Message struct {
	// OrganizationID is the organization's id as sent: 18 characters from Salesforce, but its form is not checked.
	OrganizationID string
	// ActionID is the id of the outbound message's definition, stable over its firings; "" when none was sent.
	ActionID string
	// Notifications are in the order sent.
	Notifications []Notification
}

// Notification is one record's part of a [Message].
type Notification struct {
	// ID is the notification's id as sent. A redelivery comes under the same id, perhaps with newer data.
	ID string
	// ObjectType is the local name of the record's xsi:type, such as "Lead" or "acme__Sample__c"; "" for a record
	// without xsi:type, nil for a notification without a record: Salesforce sends that of a record which was deleted
	// before the notification could be delivered.
	ObjectType *string
	// RecordID is the text of the record's field Id, nil when there is none.
	RecordID *string
	// Fields is a JSON object of the record's fields under their API names, in the order sent, Id among them; nil
	// without a record. Text is exact. A null field is null, a repeated one an array, a nested one an object.
	// Numbers and booleans are such only where a WSDL says so and the text allows it.
	Fields json.RawMessage
	// Digest identifies the content as it was on the wire: the object type and each field's name, null, text and
	// nesting in the order sent. It does not depend on the types that decoded it.
	Digest Digest
	// Drift counts what differs from the WSDL: values that do not fit their type and fields that it does not name.
	// It is 0 for objects without a WSDL.
	Drift int
}

// Digest is the first 128 bits of a SHA-256: enough, as it only tells apart the revisions of one notification.
type Digest [16]byte
