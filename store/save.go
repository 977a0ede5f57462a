package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

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

// Save stores what is new of a message, in one transaction with whatever else is waiting to be saved. When it returns
// without an error, all of the message is in the database and on its disk. [ErrUnavailable] leaves open whether it is,
// as does the end of the context, which is one; saving the message again is always right. [ErrOverloaded] is for a
// message that there is no room for. A message that the database cannot take gives another error, and none of it is
// stored.
//
// A notification is identified by source, organization and notification id, see [SameOrganization]. One whose content,
// by its digest, is stored already under that identity adds nothing; one with other content is its next revision.
func (s *Store) Save(ctx context.Context, in Inbound) (Saved, error) {
	saved, err := s.save(ctx, newPending(newRows(in)))
	if err != nil {
		return Saved{}, fmt.Errorf("save message: %w", err)
	}
	return saved, nil
}

func (s *Store) save(ctx context.Context, p *pending) (Saved, error) {
	if err := ctx.Err(); err != nil {
		return Saved{}, s.failure(err)
	}
	work, err := s.queue.add(p)
	if err != nil {
		return Saved{}, s.failure(err)
	}
	if work {
		go s.commitWaiting()
	}
	select {
	case o := <-p.outcome:
		return o.saved, s.failure(o.err)
	case <-ctx.Done():
		s.queue.leave(p)
		return Saved{}, s.failure(ctx.Err())
	}
}

// identity is what a notification is known by.
type identity struct {
	sourceID       int64
	organization   string
	notificationID string
}

// row is a notification to insert.
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

// newRows makes the rows of a message, in the order sent.
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
	return rows
}
