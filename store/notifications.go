package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"ackbox/ledger"
	"ackbox/query"
)

// Notification is a stored entry of a batch.
type Notification struct {
	// ID increases in the order in which notifications are stored, has gaps, and is never reused.
	// With concurrent transactions, a lower one may become visible shortly after a higher one.
	ID int64
	// Source is the source's name.
	Source string
	// OrganizationID, ActionID and NotificationID are as sent.
	OrganizationID, ActionID, NotificationID string
	// Revision numbers the contents that came under the same identity, from 1.
	Revision int
	// ObjectType and RecordID are nil in the same cases as in [ledger.Entry].
	ObjectType, RecordID *string
	// Fields is a JSON object with digits and order as sent, or nil without a record.
	Fields     json.RawMessage
	ReceivedAt time.Time
	// Intake is the way in which the entry came in.
	Intake ledger.Intake
	// Operation is what happened to the record, nil if that is not known.
	Operation *ledger.Operation
	// ChangedAt is when the record changed, by Salesforce's clock, nil if that is not known.
	ChangedAt *time.Time
	// Digest is that of the content. It is not part of the JSON.
	Digest ledger.Digest
}

// NotificationFilter selects notifications; its zero value selects all.
type NotificationFilter struct {
	// Source is a source's name, Object an object type in any case.
	Source, Object string
	// Record is a record's id in its form of 15 or of 18 characters, of the latter in any case. Any
	// other text selects what was sent as exactly that.
	Record string
	// Intake is how the notifications were received; nil for all.
	Intake *ledger.Intake
	// After is an id: only greater ones are selected.
	After int64
	// Since and Until bound the time of receipt; Since is inclusive, Until is not.
	Since, Until time.Time
	// Query must match. It must have no terms that [query.Query.Only] refuses.
	Query query.Query
}

// Notifications calls yield for each notification that the filter selects, in the order of their
// ids, until yield fails, and returns its error. It holds about a megabyte of them at a time, and
// no query is open while yield runs, so a notification that is added meanwhile may or may not be
// among them. It returns [ErrNotFound] if the filter's source does not exist.
func (s *Store) Notifications(
	ctx context.Context, filter NotificationFilter, yield func(Notification) error,
) error {
	where, err := s.notificationConditions(ctx, filter)
	if err != nil {
		return fmt.Errorf("read notifications: %w", s.failure(err))
	}
	matching := func(n Notification) error {
		if len(filter.Query.Terms) > 0 && !filter.Query.Match(n.subject()) {
			return nil
		}
		return yield(n)
	}
	var numbers revisions
	return pages(filter.After, matching, func(after int64, limit int) (page[Notification], error) {
		p, err := s.notificationPage(ctx, s.read, where.with("n.id > ?", after), limit)
		if err == nil {
			err = numbers.number(&p, where, s.ranking(ctx, s.read))
		}
		return p, err
	})
}

// CountNotifications returns how many notifications a filter without a query selects.
func (s *Store) CountNotifications(ctx context.Context, filter NotificationFilter) (int64, error) {
	var n int64
	err := s.await(ctx, func() error {
		where, err := s.notificationConditions(ctx, filter)
		if err != nil {
			return err
		}
		where = where.with("n.id > ?", filter.After)
		var counted int64
		err = s.read.GetContext(ctx, &counted, s.read.Rebind(
			`select count(*) from notifications n where `+where.sql()), where.args...)
		n = counted
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("count notifications: %w", err) // n may still be written to
	}
	return n, nil
}

func (s *Store) notificationConditions(
	ctx context.Context, filter NotificationFilter,
) (conditions, error) {
	where := querySQL(filter.Query)
	if filter.Source != "" {
		id, err := s.sourceID(ctx, filter.Source)
		if err != nil {
			return where, err
		}
		where = where.with("n.source_id = ?", id)
	}
	if filter.Object != "" {
		where = where.with("lower(n.object_type) = ?", strings.Map(lowerASCII, filter.Object))
	}
	if filter.Record != "" {
		forms := recordForms(filter.Record)
		where = where.with("n.record_id in (?"+strings.Repeat(", ?", len(forms)-1)+")", forms...)
	}
	if filter.Intake != nil {
		where = where.with("n.intake = ?", *filter.Intake)
	}
	if !filter.Since.IsZero() {
		where = where.with("n.received_at >= ?", timestamp{filter.Since})
	}
	if !filter.Until.IsZero() {
		where = where.with("n.received_at < ?", timestamp{filter.Until})
	}
	return where, nil
}

// lowerASCII returns the lower-case form of an ASCII letter, and any other rune unchanged, as
// lower() does on both databases.
func lowerASCII(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

// recordForms returns the forms in which the id of a record may have been sent.
func recordForms(id string) []any {
	forms := []any{id}
	if full, ok := ledger.RepairID(id); ok {
		return append(forms, full, full[:15])
	}
	if ledger.IsID(id) {
		return append(forms, ledger.FullID(id))
	}
	return forms
}

// notificationPage reads a page. Of the revisions it only sets those that are the first of their
// identity, as most are; the index of the unique key tells them from the others.
func (s *Store) notificationPage(
	ctx context.Context, from querier, where conditions, limit int,
) (page[Notification], error) {
	rows, err := from.QueryContext(ctx, s.read.Rebind(`
		select n.id, s.name, n.organization || n.organization_suffix, n.action_id, n.notification_id,
			case when exists (
				select 1 from notifications p
				where p.source_id = n.source_id and p.organization = n.organization
					and p.notification_id = n.notification_id and p.id < n.id
			) then 0 else 1 end,
			n.object_type, n.record_id, n.fields, n.received_at, n.intake, n.operation, n.changed_at, n.digest
		from notifications n join sources s on s.id = n.source_id
		where `+where.sql()+` order by n.id limit ?`), append(where.args, limit)...)
	return collect(s, rows, err, limit, func(n *Notification) (id int64, size int, err error) {
		var fields, digest []byte // a json.RawMessage cannot be scanned from text or null
		var receivedAt timestamp
		var changedAt *timestamp
		err = rows.Scan(&n.ID, &n.Source, &n.OrganizationID, &n.ActionID, &n.NotificationID, &n.Revision,
			&n.ObjectType, &n.RecordID, &fields, &receivedAt, &n.Intake, &n.Operation, &changedAt, &digest)
		copy(n.Digest[:], digest)
		n.Fields, n.ReceivedAt, n.ChangedAt = fields, receivedAt.Time, changedAt.pointer()
		return n.ID, len(fields), err
	})
}
