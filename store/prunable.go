package store

import "context"

const (
	// minPruneRange and maxPruneRange are how many rows are examined at a time. The number doubles
	// until the maximum: the rows of an identity that must stay are read again for each range that
	// has a part of them.
	minPruneRange = 2000
	maxPruneRange = 256 << 10
	// maxPrunable is how many rows to delete are listed at a time.
	maxPrunable = 256 << 10
)

// prunable is what was found in one range of ids.
type prunable struct {
	last int64 // the highest id
	old  int   // how many were received before the limit
	// rows are all rows of the identities in the range that have no newer row, ordered by identity
	// and id.
	rows []rankedRow
}

// prunable examines the next rows after an id. It reads the rows of each identity once.
func (s *Store) prunable(
	ctx context.Context, after int64, before timestamp, limit int,
) (found prunable, err error) {
	err = s.read.QueryRowContext(ctx, s.read.Rebind(`
		select coalesce(max(id), 0), coalesce(sum(case when received_at < ? then 1 else 0 end), 0)
		from (select id, received_at from notifications where id > ? order by id limit ?) part`),
		before, after, limit).Scan(&found.last, &found.old)
	if err != nil || found.old == 0 {
		return found, err
	}
	rows, err := s.read.QueryContext(ctx, s.read.Rebind(`
		select id, revision
		from (
			select r.id, r.source_id, r.organization, r.notification_id,
				row_number() over (
					partition by r.source_id, r.organization, r.notification_id order by r.id) as revision,
				max(r.received_at) over (
					partition by r.source_id, r.organization, r.notification_id) as newest
			from (
				select distinct source_id, organization, notification_id
				from notifications where id > ? and id <= ? and received_at < ?
			) old
			join notifications r on r.source_id = old.source_id and r.organization = old.organization
				and r.notification_id = old.notification_id
		) r
		where newest < ? order by source_id, organization, notification_id, id limit ?`),
		after, found.last, before, before, maxPrunable)
	found.rows, err = collectRanked(rows, err)
	return found, err
}
