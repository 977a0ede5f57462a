// Package ledger defines the types of what is received, independent of the intake: a [Batch] is one
// request of a sender, an [Entry] the part of it about one record. The intakes create batches,
// package store stores them. The package knows no SQL, no HTTP and no wire format.
package ledger

import (
	"crypto/sha256"
	"encoding/json"
	"time"
)

// Batch is the content of one request. It is stored completely or not at all.
type Batch struct {
	// Intake is how the batch was received.
	Intake Intake
	// OrganizationID is the id of the Salesforce organization as sent, normally 18 characters. Its
	// form is not checked.
	OrganizationID string
	// ActionID identifies what triggered the batch. For outbound messages it is the id of the
	// definition, the same in all its messages. It is "" if it was not sent.
	ActionID string
	// Entries are the entries in the order sent.
	Entries []Entry
	// Oddities is the number of places in the texts of fields that violate the wire format and were
	// read all the same, such as a control character in XML. It is not stored.
	Oddities int
}

// Entry is the part of a [Batch] about one record.
type Entry struct {
	// ID is the notification's id as sent. A redelivery has the same id, and may have newer data.
	ID string
	// ObjectType is the API name of the record's object, such as "Lead" or "acme__Sample__c". It is ""
	// for a record whose type was not sent, and nil for an entry without a record: Salesforce sends
	// one if the record was deleted before the notification could be delivered.
	ObjectType *string
	// RecordID is the record's id, or nil if it was not sent.
	RecordID *string
	// Fields is a JSON object of the record's fields, including Id, by their API names and in the
	// order sent. It is nil without a record. Text and digits are exactly as sent. A null field is
	// null, a repeated field an array, a nested field an object. A value is a number or a boolean only
	// if a WSDL says so and the text allows it.
	Fields json.RawMessage
	// Digest identifies the content as it was sent.
	Digest Digest
	// Operation is what happened to the record. It is "" if that was not sent.
	Operation Operation
	// Covers is the meaning of an absent field.
	Covers Covers
	// ChangedAt is when the record changed, by Salesforce's clock. It is zero if that is not known.
	ChangedAt time.Time
	// Header is a JSON object of what was sent about the entry besides its fields, or nil.
	Header json.RawMessage
	// Drift is the number of differences from the object's WSDL: values that do not fit their type,
	// and fields that the WSDL does not declare. It is 0 for objects without a WSDL. It is not stored.
	Drift int
}

// Digest identifies the content of an [Entry] as it was sent: the object type, and the name, null,
// text and nesting of each field in the order sent. It does not depend on the types of the values.
// It is the first 128 bits of a SHA-256, which suffice to distinguish the revisions of one
// notification.
type Digest [16]byte

// DigestOf returns the digest of a content. Each intake defines how it writes the content.
func DigestOf(content []byte) Digest {
	sum := sha256.Sum256(content)
	return Digest(sum[:len(Digest{})])
}

// Operation is what happened to a record.
type Operation string

// The operations.
const (
	Create   Operation = "create"
	Update   Operation = "update"
	Delete   Operation = "delete"
	Undelete Operation = "undelete"
)

// Covers is how much of a record an entry contains. Its values are stored.
type Covers int16

// The values of Covers.
const (
	CoversUnknown Covers = 0 // not known
	CoversPart    Covers = 1 // an absent field is unchanged
	CoversFull    Covers = 2 // an absent field is null
)
