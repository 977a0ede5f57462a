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
// instead: it does not know how near the end the cursor is.
const selectBacklogs = `
	select p.destination_id,
		(select count(*) from (
			select 1 from notifications n where n.id > p.cursor_id order by n.id limit ?) w) as waiting,
		(select n.received_at from notifications n where n.id > p.cursor_id order by n.id limit 1) as oldest,
		(select coalesce(max(n.id), 0) from notifications n) - p.cursor_id as ids,
		(select count(*) from (
			select 1 from deliveries d where d.destination_id = p.destination_id and d.state = ?
			order by d.notification_id limit ?) r) as retry,
		(select count(*) from (
			select 1 from deliveries d where d.destination_id = p.destination_id and d.state = ?
			order by d.notification_id limit ?) h) as held,
		(select count(*) from (
			select 1 from deliveries d where d.destination_id = p.destination_id and d.state = ?
			order by d.notification_id limit ?) g) as dead
	from destination_state p
	where exists (select 1 from destinations e where e.id = p.destination_id and e.state <> ?)`

// DestinationStatuses returns all destinations with their backlogs, by name.
func (s *Store) DestinationStatuses(ctx context.Context) ([]DestinationStatus, error) {
	var all []DestinationStatus
	err := s.await(ctx, func() error {
		destinations, err := readDestinations(ctx, s.read, selectDestinations+` order by d.name`)
		if err != nil || len(destinations) == 0 {
			return err
		}
		backlogs, err := readBacklogs(ctx, s.read)
		if err != nil {
			return err
		}
		found := make([]DestinationStatus, len(destinations))
		for i, d := range destinations {
			found[i] = DestinationStatus{d, backlogs[d.ID]}
		}
		all = found
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read backlogs of destinations: %w", err) // all may still be written to
	}
	return all, nil
}

func readBacklogs(ctx context.Context, db sqlx.ExtContext) (map[int64]Backlog, error) {
	var rows []struct {
		Destination int64      `db:"destination_id"`
		Waiting     int64      `db:"waiting"`
		Oldest      *timestamp `db:"oldest"`
		IDs         int64      `db:"ids"`
		Retry       int64      `db:"retry"`
		Held        int64      `db:"held"`
		Dead        int64      `db:"dead"`
	}
	err := sqlx.SelectContext(ctx, db, &rows, db.Rebind(selectBacklogs), MaxCounted+1,
		Retry, MaxDeliveries, Held, MaxDeliveries, Dead, MaxDeliveries, Removing)
	backlogs := make(map[int64]Backlog, len(rows))
	for _, r := range rows {
		b := Backlog{Waiting: r.Waiting, Oldest: r.Oldest.pointer(), Retry: r.Retry, Held: r.Held, Dead: r.Dead}
		if b.Waiting > MaxCounted {
			b.Waiting, b.Estimated = max(r.IDs, b.Waiting), true
		}
		backlogs[r.Destination] = b
	}
	return backlogs, err
}
