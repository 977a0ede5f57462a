package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// Backlog is what a destination has still to deliver, and what it gave up.
type Backlog struct {
	// Waiting is how many notifications follow the cursor. They may not be wanted. Beyond
	// [MaxCounted] it is the number of ids, which has gaps: then Estimated is true.
	Waiting   int64
	Estimated bool
	// Oldest is when the first of those was received, nil if there is none.
	Oldest *time.Time
	// Retry, Held and Dead are how many deliveries are in these states, up to [MaxDeliveries] each.
	Retry, Held, Dead int64
}

// The bounds of what is counted, so that it takes milliseconds however much there is.
const (
	MaxCounted    = 10_000  // notifications that wait
	MaxDeliveries = 100_000 // deliveries in a state
)

// DestinationStatus is a destination with its backlog.
type DestinationStatus struct {
	Destination
	Backlog Backlog
}

// Each part reads an index up to a bound. It is ordered so that PostgreSQL does not read the table
// instead. One query for all destinations would cost so much by PostgreSQL's estimate that it would
// compile it each time, which takes longer than the query.
const selectBacklog = `
	select
		(select count(*) from (
			select 1 from notifications where id > ? order by id limit ?) w) as waiting,
		(select received_at from notifications where id > ? order by id limit 1) as oldest,
		(select coalesce(max(id), 0) from notifications) as last,
		(select count(*) from (
			select 1 from deliveries where destination_id = ? and state = ?
			order by notification_id limit ?) r) as retry,
		(select count(*) from (
			select 1 from deliveries where destination_id = ? and state = ?
			order by notification_id limit ?) h) as held,
		(select count(*) from (
			select 1 from deliveries where destination_id = ? and state = ?
			order by notification_id limit ?) g) as dead`

// DestinationStatuses returns all destinations with their backlogs, by name.
func (s *Store) DestinationStatuses(ctx context.Context) ([]DestinationStatus, error) {
	var all []DestinationStatus
	err := s.await(ctx, func() error {
		destinations, err := readDestinations(ctx, s.read, selectDestinations+` order by d.name`)
		if err != nil {
			return err
		}
		found := make([]DestinationStatus, len(destinations))
		for i, d := range destinations {
			backlog, err := readBacklog(ctx, s.read, d.ID, d.Progress.Cursor)
			if err != nil {
				return err
			}
			found[i] = DestinationStatus{d, backlog}
		}
		all = found
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read backlogs of destinations: %w", err) // all may still be written to
	}
	return all, nil
}

func readBacklog(ctx context.Context, db sqlx.ExtContext, destination, cursor int64) (Backlog, error) {
	var r struct {
		Waiting int64      `db:"waiting"`
		Oldest  *timestamp `db:"oldest"`
		Last    int64      `db:"last"`
		Retry   int64      `db:"retry"`
		Held    int64      `db:"held"`
		Dead    int64      `db:"dead"`
	}
	err := sqlx.GetContext(ctx, db, &r, db.Rebind(selectBacklog), cursor, MaxCounted+1, cursor,
		destination, Retry, MaxDeliveries, destination, Held, MaxDeliveries, destination, Dead, MaxDeliveries)
	b := Backlog{Waiting: r.Waiting, Oldest: r.Oldest.pointer(), Retry: r.Retry, Held: r.Held, Dead: r.Dead}
	if b.Waiting > MaxCounted {
		b.Waiting, b.Estimated = max(r.Last-cursor, b.Waiting), true
	}
	return b, err
}
