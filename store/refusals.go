package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
)

// Refusal is a message that was not taken, and why; or, with the status 200, one that was taken although a door in
// report mode found it wrong. It holds nothing of the message's body.
type Refusal struct {
	// ID is given by the store and rises.
	ID int64
	// Source is the source's name; "" when it is not known or was removed since.
	Source string
	// SourceID is the source's id, or 0. To record a refusal, either will do.
	SourceID int64
	// Cause is one of a few short words, fit for a metric's label.
	Cause string
	// Status is that of the HTTP answer.
	Status int
	// Detail says what was wrong, at Line and Column of the body, from 1; 0 when it is not about a place.
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
	// maxRefusalText is how much of a text of a refusal is kept, in bytes.
	maxRefusalText = 1000
)

// Refuse records a refusal. Of each source and cause the newest 1000 are kept. Texts are cut to
// 1000 bytes, and what is not UTF-8 in them is replaced.
func (s *Store) Refuse(ctx context.Context, r Refusal) error {
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		var source *int64 // null for one that is not known
		err := tx.GetContext(ctx, &source, tx.Rebind(`
			insert into refusals (source_id, cause, status, detail, line, col, size, request_id, remote_addr,
				refused_at)
			values ((select id from sources where id = ? or name = ? limit 1), ?, ?, ?, ?, ?, ?, ?, ?, ?)
			returning source_id`),
			r.SourceID, r.Source, plain(r.Cause), r.Status, plain(r.Detail), r.Line, r.Column, r.Size,
			plain(r.RequestID), plain(r.RemoteAddr), timestamp{r.At})
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

// dropOldRefusals leaves the newest of a cause. An index finds them, which "is not distinct from" would not use.
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

// plain makes a text, perhaps from a request's header, one that both databases take.
func plain(text string) string {
	text = text[:min(len(text), maxRefusalText)]
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

// RefusalFilter selects refusals; its zero value selects all.
type RefusalFilter struct {
	Source string
	Since  time.Time // inclusive
}

// Refusals gives the refusals to yield, in order of their ids, until it fails. No query is open while yield runs.
// [ErrNotFound] is for the filter's source.
func (s *Store) Refusals(ctx context.Context, filter RefusalFilter, yield func(Refusal) error) error {
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

func (s *Store) refusalPage(ctx context.Context, where conditions, limit int) (page[Refusal], error) {
	rows, err := s.read.QueryContext(ctx, s.read.Rebind(`
		select r.id, coalesce(s.name, ''), coalesce(r.source_id, 0), r.cause, r.status, r.detail, r.line, r.col, r.size,
			r.request_id, r.remote_addr, r.refused_at
		from refusals r left join sources s on s.id = r.source_id
		where `+where.sql()+` order by r.id limit ?`), append(where.args, limit)...)
	return collect(s, rows, err, limit, func(r *Refusal) (id int64, size int, err error) {
		var at timestamp
		err = rows.Scan(&r.ID, &r.Source, &r.SourceID, &r.Cause, &r.Status, &r.Detail, &r.Line, &r.Column, &r.Size,
			&r.RequestID, &r.RemoteAddr, &at)
		r.At = at.Time
		return r.ID, len(r.Detail), err
	})
}
