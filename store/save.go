package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"ackbox/ledger"
)

// Inbound is a batch as received, for a source that may receive it.
type Inbound struct {
	SourceID   int64
	Batch      *ledger.Batch
	ReceivedAt time.Time
	// Join, if not nil, is called in the transaction that stores the batch.
	Join Join
}

// Join writes in the transaction that stores a batch, after its entries were inserted: the position
// of a subscription, for example. If it fails, nothing of the batch is stored, and [Store.Save]
// returns its error. It may be called more than once for one save, as when PostgreSQL resolves a
// deadlock; what an earlier call wrote was then rolled back.
type Join func(ctx context.Context, tx *sqlx.Tx) error

// Saved counts the entries of a batch by what became of them; the sum is the number of entries.
type Saved struct {
	// Stored counts entries whose identity was new.
	Stored int
	// Revisions counts entries whose identity was known, but with other content.
	Revisions int
	// Duplicates counts entries that were known with the same content; nothing was added for them.
	Duplicates int
}

// Save stores what is new in a batch, in one transaction with whatever else is waiting to be saved.
// When it returns without an error, the whole batch is in the database and on its disk.
// [ErrUnavailable], which also covers the end of the context, leaves open whether the batch was
// stored; saving it again is always safe. [ErrOverloaded] means that the queue is full. A batch
// that the database does not accept is another error, and none of it is stored.
//
// An entry is identified by source, organization and notification id, where the forms of an
// organization id with 15 and with 18 characters are the same. An entry whose content, by its
// digest, is already stored under that identity adds nothing; one with other content becomes its
// next revision.
func (s *Store) Save(ctx context.Context, in Inbound) (Saved, error) {
	saved, err := s.save(ctx, newPending(newRows(in), in.Join))
	if err != nil {
		return Saved{}, fmt.Errorf("save batch: %w", err)
	}
	return saved, nil
}

func (s *Store) save(ctx context.Context, p *pending) (Saved, error) {
	if err := ctx.Err(); err != nil {
		return Saved{}, s.failure(err)
	}
	if err := s.queue.add(p); err != nil {
		return Saved{}, s.failure(err)
	}
	select {
	case o := <-p.outcome:
		return o.saved, s.failure(o.err)
	case <-ctx.Done():
		s.queue.leave(p)
		return Saved{}, s.failure(ctx.Err())
	}
}

// identity identifies a notification.
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
	digest             ledger.Digest
	objectType         *string
	recordID           *string
	fields             json.RawMessage
	receivedAt         time.Time
	intake             ledger.Intake
	operation          *string // nil if it is not known
	covers             ledger.Covers
	changedAt          *time.Time // nil if it is not known
	header             json.RawMessage
}

// newRows returns the rows of a batch, in the order sent.
func newRows(in Inbound) []row {
	organization, suffix := organizationKey(in.Batch.OrganizationID)
	rows := make([]row, len(in.Batch.Entries))
	for i := range in.Batch.Entries {
		e := &in.Batch.Entries[i]
		rows[i] = row{
			identity:           identity{in.SourceID, organization, e.ID},
			organizationSuffix: suffix,
			actionID:           in.Batch.ActionID,
			digest:             e.Digest,
			objectType:         e.ObjectType,
			recordID:           e.RecordID,
			fields:             e.Fields,
			receivedAt:         in.ReceivedAt,
			intake:             in.Batch.Intake,
			covers:             e.Covers,
			header:             e.Header,
		}
		if e.Operation != "" {
			rows[i].operation = (*string)(&e.Operation)
		}
		if !e.ChangedAt.IsZero() {
			rows[i].changedAt = &e.ChangedAt
		}
	}
	return rows
}
