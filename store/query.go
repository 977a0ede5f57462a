package store

import (
	"strings"

	"ackbox/query"
)

// querySQL returns conditions that hold for all that a query matches, so that the database need not
// return the rest. What they select must still be matched.
func querySQL(q query.Query) (where conditions) {
	for _, t := range q.Terms {
		if t.Exclude {
			continue
		}
		switch t.Kind {
		case query.Since:
			where = where.with("n.received_at >= ?", timestamp{t.Time})
		case query.Until:
			where = where.with("n.received_at < ?", timestamp{t.Time})
		case query.Record:
			where = where.and(oneOf("n.record_id", t.Values, recordForms))
		case query.Notification:
			where = where.and(oneOf("n.notification_id", t.Values, recordForms))
		case query.Object:
			where = where.and(oneOf("lower(n.object_type)", t.Values, func(name string) []any {
				return []any{strings.Map(lowerASCII, name)}
			}))
		case query.Source:
			names := oneOf("name", t.Values, func(name string) []any { return []any{name} })
			where = where.with("n.source_id in (select id from sources where "+names.sql()+")", names.args...)
		default: // decided by Match alone
		}
	}
	return where
}

// oneOf returns the condition that a column has one of the forms of one of the values.
func oneOf(column string, values []query.Value, forms func(text string) []any) conditions {
	var all []any
	for _, v := range values {
		all = append(all, forms(v.Text)...)
	}
	return withIDs(column, all)
}

// subject returns what a query is matched with.
func (n *Notification) subject() query.Subject {
	s := query.Subject{
		Source: n.Source, OrganizationID: n.OrganizationID, ActionID: n.ActionID,
		NotificationID: n.NotificationID, Intake: n.Intake.String(), Revision: n.Revision,
		ReceivedAt: n.ReceivedAt, Fields: n.Fields,
	}
	if n.ObjectType != nil {
		s.Object = *n.ObjectType
	}
	if n.RecordID != nil {
		s.RecordID = *n.RecordID
	}
	if n.Operation != nil {
		s.Operation = string(*n.Operation)
	}
	return s
}
