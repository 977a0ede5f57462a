package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A long list is read by pages, in order of id: while one is given away no query is open. A reader that is slow, as a
// terminal is, then keeps neither PostgreSQL from vacuuming nor SQLite from bringing its write-ahead log home.
const (
	maxPageRows  = 1000
	maxPageBytes = 1 << 20
)

// page is a part of a list.
type page[T any] struct {
	items []T
	last  int64 // the id of the last item
	more  bool  // whether there may be others
}

// pages reads a list from after on, page by page, and gives every item to yield.
func pages[T any](after int64, yield func(T) error, read func(after int64, limit int) (page[T], error)) error {
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
		limit = min(maxPageRows, 2*len(p.items)) // of large items, not many more than fit are asked for
	}
}

// collect reads a page off the rows of a query, or passes on its error. Scan reads one and tells its id and about how
// many bytes it has. A page ends early when it is large enough.
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

// conditions are the parts of a where clause with their arguments.
type conditions struct {
	parts []string
	args  []any
}

// with adds a condition, which has one argument, to a copy.
func (c conditions) with(part string, arg any) conditions {
	return conditions{append(slices.Clip(c.parts), part), append(slices.Clip(c.args), arg)}
}

func (c conditions) sql() string { return strings.Join(c.parts, " and ") }

// sourceID finds a source by its name, or [ErrNotFound].
func (s *Store) sourceID(ctx context.Context, name string) (id int64, err error) {
	err = s.read.GetContext(ctx, &id, s.read.Rebind(`select id from sources where name = ?`), name)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("source %q: %w", name, ErrNotFound)
	}
	return id, err
}
