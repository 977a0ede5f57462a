package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Long lists are read in pages, in the order of id, and no query is open while a page is passed on.
// A slow reader, such as a terminal, then neither keeps PostgreSQL from vacuuming nor SQLite from
// checkpointing its write-ahead log.
const (
	maxPageRows  = 1000
	maxPageBytes = 1 << 20
)

// page is a part of a list.
type page[T any] struct {
	items []T
	last  int64 // the id of the last item
	more  bool  // whether there may be more
}

// pages reads a list page by page, from after on, and calls yield for each item.
func pages[T any](
	after int64, yield func(T) error, read func(after int64, limit int) (page[T], error),
) error {
	for limit := maxPageRows; ; {
		p, err := read(after, limit)
		if err != nil {
			return err
		}
		for _, item := range p.items {
			if err := yield(item); err != nil {
				return err
			}
		}
		if !p.more {
			return nil
		}
		after = p.last
		limit = min(maxPageRows, 2*len(p.items)) // for large items, ask for few more than fit
	}
}

// collect reads a page from the rows of a query, or returns the query's error. Scan reads one row
// and returns its id and about how many bytes it has. A page ends early once it is large enough.
func collect[T any](
	s *Store, rows *sql.Rows, err error, limit int, scan func(*T) (id int64, size int, err error),
) (p page[T], _ error) {
	if err != nil {
		return p, s.failure(err)
	}
	defer rows.Close()
	for bytes := 0; bytes < maxPageBytes && rows.Next(); {
		var item T
		id, size, err := scan(&item)
		if err != nil {
			return p, s.failure(err)
		}
		p.items, p.last, bytes = append(p.items, item), id, bytes+size
		p.more = bytes >= maxPageBytes || len(p.items) == limit
	}
	return p, s.failure(rows.Err())
}

// conditions holds the parts of a where clause and their arguments.
type conditions struct {
	parts []string
	args  []any
}

// with returns a copy with a further condition and its arguments.
func (c conditions) with(part string, args ...any) conditions {
	return conditions{append(slices.Clip(c.parts), part), append(slices.Clip(c.args), args...)}
}

// and returns a copy with the conditions of another.
func (c conditions) and(other conditions) conditions { return c.with(other.sql(), other.args...) }

// withIDs returns the condition that a column has one of the values, which must not be none.
func withIDs(column string, ids []any) conditions {
	list := strings.Repeat("?, ", len(ids)-1) + "?"
	return conditions{[]string{column + " in (" + list + ")"}, ids}
}

func (c conditions) sql() string { return strings.Join(c.parts, " and ") }

// sourceID returns the id of the source with that name, or [ErrNotFound].
func (s *Store) sourceID(ctx context.Context, name string) (id int64, err error) {
	err = s.read.GetContext(ctx, &id, s.read.Rebind(`select id from sources where name = ?`), name)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("source %q: %w", name, ErrNotFound)
	}
	return id, err
}
