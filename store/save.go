package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"ackbox/soap"
)

// Inbound is a message as it came in, for a source that may receive it.
type Inbound struct {
	SourceID   int64
	Message    *soap.Message
	ReceivedAt time.Time
}

// Saved counts the notifications of a message by what became of them; the sum is the message's.
type Saved struct {
	// Stored were not known.
	Stored int
	// Revisions were known, but with other content.
	Revisions int
	// Duplicates were known as they are; nothing was added for them.
	Duplicates int
}

// maxAttempts is how often a save is tried that PostgreSQL rolls back for a deadlock.
const maxAttempts = 10

// Save stores what is new of a message, in one transaction. When it returns without an error, all of the message is in
// the database and on its disk. [ErrUnavailable] leaves open whether it is; saving the message again is always right.
// A message that the database cannot take gives another error, and none of it is stored.
//
// A notification is identified by source, organization and notification id, see [SameOrganization]. One whose content,
// by its digest, is stored already under that identity adds nothing; one with other content is its next revision.
func (s *Store) Save(ctx context.Context, in Inbound) (Saved, error) {
	rows := newRows(in)
	fresh, err := s.insert(ctx, rows)
	if err != nil {
		return Saved{}, fmt.Errorf("save message: %w", err)
	}
	return tally(len(rows), fresh), nil
}

// identity is what a notification is known by.
type identity struct {
	sourceID       int64
	organization   string
	notificationID string
}

// row is a notification to insert. Rows of several messages may go into one insert.
type row struct {
	identity
	organizationSuffix string
	actionID           string
	digest             soap.Digest
	objectType         *string
	recordID           *string
	fields             json.RawMessage
	receivedAt         time.Time
}

// freshRow is a row that was inserted.
type freshRow struct {
	id int64
	identity
	known bool // there were rows of this identity before
}

// newRows makes the rows of a message, in the order in which they are to be inserted.
func newRows(in Inbound) []row {
	organization, suffix := organizationKey(in.Message.OrganizationID)
	rows := make([]row, len(in.Message.Notifications))
	for i, n := range in.Message.Notifications {
		rows[i] = row{
			identity:           identity{in.SourceID, organization, n.ID},
			organizationSuffix: suffix,
			actionID:           in.Message.ActionID,
			digest:             n.Digest,
			objectType:         n.ObjectType,
			recordID:           n.RecordID,
			fields:             n.Fields,
			receivedAt:         in.ReceivedAt,
		}
	}
	sortRows(rows)
	return rows
}

// sortRows sorts by identity, so that two inserts which share notifications wait for each other and do not deadlock.
// Contents of one identity stay in the order they came in, which becomes that of the revisions: sorting them too would
// spare a deadlock now and then, which is tried again, but shuffle them.
func sortRows(rows []row) {
	slices.SortStableFunc(rows, func(a, b row) int {
		return cmp.Or(
			cmp.Compare(a.sourceID, b.sourceID),
			strings.Compare(a.organization, b.organization),
			strings.Compare(a.notificationID, b.notificationID),
		)
	})
}

// The statement of both databases around the rows. Identity and digest are the only conflict that it names: anything
// else that goes wrong is an error. A column of the table that the subselect compares is that of the inserted row.
const (
	insertInto = `
		insert into notifications (source_id, organization, organization_suffix, action_id, notification_id, digest,
			object_type, record_id, fields, received_at)`
	insertReturning = `
		on conflict (source_id, organization, notification_id, digest) do nothing
		returning id, source_id, organization, notification_id, exists (
			select 1 from notifications p
			where p.source_id = notifications.source_id and p.organization = notifications.organization
				and p.notification_id = notifications.notification_id and p.id < notifications.id)`
)

// insert adds the rows that are not there yet and returns them. The rows are not used any more once it returns.
func (s *Store) insert(ctx context.Context, rows []row) ([]freshRow, error) {
	inserts := s.insertSQLite(rows)
	if s.driver == driverPostgres {
		inserts = s.insertPostgres(rows)
	}
	for attempt := 1; ; attempt++ {
		var fresh []freshRow
		err := s.inTx(ctx, func(tx *sqlx.Tx) (err error) {
			fresh, err = insertAll(ctx, tx, inserts)
			return err
		})
		if err == nil {
			return fresh, nil
		}
		if !isDeadlock(err) || attempt == maxAttempts {
			return nil, err
		}
	}
}
