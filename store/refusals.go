package store

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jmoiron/sqlx"
)

// Refusal records a request that was refused, and why; or, if it is Reported, one that was accepted
// although an access check in report mode failed. It contains nothing of the request's body but who
// sent what: an organization, an action, an object.
type Refusal struct {
	// ID is set by the store and increases.
	ID int64
	// Source is the source's name; it is "" if the source is not known or was removed since.
	Source string
	// SourceID is the source's id, or 0. [Store.Refuse] needs only Source or SourceID.
	SourceID int64
	// Cause is one of a few short words, suitable as a metric label.
	Cause string
	// Status is that of the HTTP answer.
	Status int
	// Reported is whether the message was accepted, and what enforce mode would have refused it for
	// only reported.
	Reported bool
	// OrganizationID, ActionID and ObjectType are those of the message, and Notifications is their
	// number, as far as the message was read; else they are "" and 0.
	OrganizationID, ActionID, ObjectType string
	Notifications                        int
	// Detail says what was wrong, at Line and Column of the body, counted from 1; both are 0 if it
	// is about no position.
	Detail       string
	Line, Column int
	// Size is the length of the body in bytes, as far as it was read.
	Size int64
	// RequestID and RemoteAddr are of the request.
	RequestID, RemoteAddr string
	At                    time.Time
}

const (
	// maxRefusals is how many refusals are kept per source and cause, the newest.
	maxRefusals = 1000
	// maxRefusalText is how many bytes of a text are kept.
	maxRefusalText = 1000
)

// Refuse records a refusal. Of each source and cause the newest 1000 are kept. What is
// not UTF-8 in texts is replaced, and they are cut to 1000 bytes.
func (s *Store) Refuse(ctx context.Context, r Refusal) error {
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		var source *int64 // null if it is not known
		err := tx.GetContext(ctx, &source, tx.Rebind(`
			insert into refusals (source_id, cause, status, detail, line, col, size, request_id, remote_addr,
				refused_at, reported, organization_id, action_id, object_type, notifications)
			values ((select id from sources where id = ? or name = ? limit 1), ?, ?, ?, ?, ?, ?, ?, ?, ?,
				?, ?, ?, ?, ?)
			returning source_id`),
			r.SourceID, r.Source, plain(r.Cause), r.Status, plain(r.Detail), r.Line, r.Column, r.Size,
			plain(r.RequestID), plain(r.RemoteAddr), timestamp{r.At},
			r.Reported, plain(r.OrganizationID), plain(r.ActionID), plain(r.ObjectType), r.Notifications)
		if err != nil {
			return err
		}
		return dropOldRefusals(ctx, tx, source, plain(r.Cause))
	})
	if err != nil {
		return fmt.Errorf("record refusal: %w", err)
	}
	return nil
}

// dropOldRefusals deletes all but the newest refusals of a cause. An index finds them, which "is
// not distinct from" would not use.
func dropOldRefusals(ctx context.Context, tx *sqlx.Tx, source *int64, cause string) error {
	where, args := "source_id is null and cause = ?", []any{cause}
	if source != nil {
		where, args = "source_id = ? and cause = ?", []any{*source, cause}
	}
	_, err := tx.ExecContext(ctx, tx.Rebind(`
		delete from refusals where `+where+` and id <= (
			select id from refusals where `+where+` order by id desc limit 1 offset ?)`),
		append(append(args, args...), maxRefusals)...)
	return err
}

// plain returns text, perhaps from a request's header, in a form that both databases accept, cut to
// [maxRefusalText] bytes. It cuts last: what is replaced becomes longer.
func plain(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
	if len(text) <= maxRefusalText {
		return text
	}
	end := maxRefusalText
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// RefusalFilter selects refusals; its zero value selects all.
type RefusalFilter struct {
	Source string
	Since  time.Time // inclusive
}

// Refusals calls yield for each refusal that the filter selects, in the order of their ids, until
// yield fails, and returns its error. No query is open while yield runs. It returns [ErrNotFound]
// if the filter's source does not exist.
func (s *Store) Refusals(
	ctx context.Context, filter RefusalFilter, yield func(Refusal) error,
) error {
	where, err := s.refusalConditions(ctx, filter)
	if err != nil {
		return fmt.Errorf("read refusals: %w", s.failure(err))
	}
	return pages(0, yield, func(after int64, limit int) (page[Refusal], error) {
		return s.refusalPage(ctx, where.with("r.id > ?", after), limit)
	})
}

func (s *Store) refusalConditions(ctx context.Context, filter RefusalFilter) (conditions, error) {
	var where conditions
	if filter.Source != "" {
		id, err := s.sourceID(ctx, filter.Source)
		if err != nil {
			return where, err
		}
		where = where.with("r.source_id = ?", id)
	}
	if !filter.Since.IsZero() {
		where = where.with("r.refused_at >= ?", timestamp{filter.Since})
	}
	return where, nil
}

func (s *Store) refusalPage(
	ctx context.Context, where conditions, limit int,
) (page[Refusal], error) {
	rows, err := s.read.QueryContext(ctx, s.read.Rebind(`
		select r.id, coalesce(s.name, ''), coalesce(r.source_id, 0), r.cause, r.status, r.detail,
			r.line, r.col, r.size, r.request_id, r.remote_addr, r.refused_at,
			r.reported, r.organization_id, r.action_id, r.object_type, r.notifications
		from refusals r left join sources s on s.id = r.source_id
		where `+where.sql()+` order by r.id limit ?`), append(where.args, limit)...)
	return collect(s, rows, err, limit, func(r *Refusal) (id int64, size int, err error) {
		var at timestamp
		err = rows.Scan(&r.ID, &r.Source, &r.SourceID, &r.Cause, &r.Status, &r.Detail,
			&r.Line, &r.Column, &r.Size, &r.RequestID, &r.RemoteAddr, &at,
			&r.Reported, &r.OrganizationID, &r.ActionID, &r.ObjectType, &r.Notifications)
		r.At = at.Time
		return r.ID, len(r.Detail), err
	})
}
