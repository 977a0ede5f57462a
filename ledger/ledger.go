// Package ledger has the words of what comes in, whatever way it came: a Batch is one request of a sender, an Entry one
// record's part of it. The intakes make batches, store keeps them. The package knows no SQL, no HTTP and no wire format.
package ledger

import (
	"crypto/sha256"
	"encoding/json"
	"time"
)

// Batch is what came in with one request: all of it is stored, or none.
type Batch struct {
	// Intake is the way it came.
	Intake Intake
	// OrganizationID is the id of the Salesforce organization as sent, normally 18 characters. Its form is not checked.
	OrganizationID string
	// ActionID says what fired the batch: for outbound messages the id of the definition, which stays the same from
	// one message to the next. It is "" when it was not sent.
	ActionID string
	// Entries are in the order sent.
	Entries []Entry
}

// Entry is one record's part of a [Batch].
type Entry struct {
	// ID is the notification's id as sent. A redelivery has the same id, perhaps with newer data.
	ID string
	// ObjectType is the API name of the record's object, such as "Lead" or "acme__Sample__c". It is "" for a record
	// whose type was not sent, and nil for an entry without a record: Salesforce sends that when the record was
	// deleted before the notification could be delivered.
	ObjectType *string
	// RecordID is the record's id, or nil.
	RecordID *string
	// Fields is a JSON object of the record's fields under their API names, in the order sent, Id among them. It is
	// nil without a record. Text is exact, digits are as sent; null fields are null, a repeated field is an array, a
	// nested one an object. Values are numbers and booleans only where a WSDL says so and the text allows it.
	Fields json.RawMessage
	// Digest identifies the content as it was sent.
	Digest Digest
	// Operation is what happened to the record, "" when the sender did not say.
	Operation Operation
	// Covers says what an absent field means.
	Covers Covers
	// ChangedAt is when the record changed, by Salesforce's clock; zero when that is not known.
	ChangedAt time.Time
	// Header is a JSON object of what the sender said about the entry beside its fields; nil for none.
	Header json.RawMessage
	// Drift counts differences from the object's WSDL: values that do not fit their type, and fields that the WSDL
	// does not name. It is 0 for objects without a WSDL, and is not stored.
	Drift int
}

// Digest identifies the content of an [Entry] as it was on the wire: the object type, and name, null, text and nesting
// of each field in the order sent. It does not depend on how the values were typed. It is the first 128 bits of a
// SHA-256, which is enough, as it only distinguishes the revisions of one notification.
type Digest [16]byte

// DigestOf returns the digest of a content in the form in which its intake writes it.
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

// Covers says how much of a record an entry has. Its values are stored.
type Covers int16

// What an entry may cover.
const (
	CoversUnknown Covers = 0 // not known
	CoversPart    Covers = 1 // an absent field is unchanged
	CoversFull    Covers = 2 // an absent field is null
)
