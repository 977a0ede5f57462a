package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
)

// revisions numbers the notifications of a list, page by page. A revision is the rank by id among
// the rows of one identity, so each query for it reads all rows of the identities that it is about.
// A page is numbered by itself as long as its identities have few rows. With more, the query is
// about what follows the page, too: up to maxAhead rows at a time, so that an identity is not read
// again for each page that has a part of its rows.
type revisions struct {
	ahead int           // how many rows to number with the next query, 0 for those of the page
	ranks map[int64]int // by id, from the last query
}

const (
	// manyRevisions is from how many revisions of one identity on the queries look ahead.
	manyRevisions = 100
	// maxAhead is how many rows one query numbers at most. It doubles until then.
	maxAhead = 256 << 10
)

// ranking numbers the notifications, ordered by id, that meet the conditions.
type ranking func(where conditions, limit int) ([]rankedRow, error)

// rankedRow is the number of a notification among those of its identity, from 1.
type rankedRow struct {
	id       int64
	revision int
}

// number sets the revisions of a page that are not set yet. The filter has selected the page. It
// drops what was deleted since the page was read.
func (r *revisions) number(p *page[Notification], filter conditions, rank ranking) error {
	var unset []any // ids
	for _, n := range p.items {
		if n.Revision == 0 {
			unset = append(unset, n.ID)
		}
	}
	if !r.has(unset) && r.ahead > 0 {
		if err := r.read(rank, filter.with("n.id >= ?", unset[0]), r.ahead); err != nil {
			return err
		}
	}
	if !r.has(unset) {
		if err := r.read(rank, withIDs("n.id", unset), len(unset)); err != nil {
			return err
		}
	}
	for i := range p.items {
		if n := &p.items[i]; n.Revision == 0 {
			n.Revision = r.ranks[n.ID]
		}
	}
	p.items = slices.DeleteFunc(p.items, func(n Notification) bool { return n.Revision == 0 })
	return nil
}

// has reports whether the last query numbered all ids. One that looked ahead did not number what
// became visible after it, by which later numbers change.
func (r *revisions) has(ids []any) bool {
	return !slices.ContainsFunc(ids, func(id any) bool { return r.ranks[id.(int64)] == 0 })
}

// read numbers what the conditions select, and decides how far the next query looks ahead.
func (r *revisions) read(rank ranking, where conditions, limit int) error {
	rows, err := rank(where, limit)
	if err != nil {
		return err
	}
	highest := 0
	r.ranks = make(map[int64]int, len(rows))
	for _, row := range rows {
		r.ranks[row.id] = row.revision
		highest = max(highest, row.revision)
	}
	if highest < manyRevisions {
		r.ahead = 0
	} else {
		r.ahead = min(2*max(r.ahead, maxPageRows), maxAhead)
	}
	return nil
}

// ranking returns a ranking by a query. The index of the unique key finds the rows of each identity
// once, whatever the number of its rows that are selected.
func (s *Store) ranking(ctx context.Context, from querier) ranking {
	return func(where conditions, limit int) ([]rankedRow, error) {
		return s.rank(ctx, from, where, limit)
	}
}

func (s *Store) rank(
	ctx context.Context, from querier, where conditions, limit int,
) ([]rankedRow, error) {
	rows, err := from.QueryContext(ctx, s.read.Rebind(`
		with part as (
			select n.id, n.source_id, n.organization, n.notification_id
			from notifications n where `+where.sql()+` order by n.id limit ?
		)
		select part.id, r.revision
		from part
		join (
			select p.id, row_number() over (
				partition by p.source_id, p.organization, p.notification_id order by p.id) as revision
			from (select distinct source_id, organization, notification_id from part) i
			join notifications p on p.source_id = i.source_id and p.organization = i.organization
				and p.notification_id = i.notification_id
		) r on r.id = part.id`), append(slices.Clip(where.args), limit)...)
	ranked, err := collectRanked(rows, err)
	if err != nil {
		return nil, s.failure(fmt.Errorf("number revisions: %w", err))
	}
	return ranked, nil
}

// collectRanked reads all rows of a query, or returns its error.
func collectRanked(rows *sql.Rows, err error) ([]rankedRow, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ranked []rankedRow
	for rows.Next() {
		var r rankedRow
		if err := rows.Scan(&r.id, &r.revision); err != nil {
			return nil, err
		}
		ranked = append(ranked, r)
	}
	return ranked, rows.Err()
}
