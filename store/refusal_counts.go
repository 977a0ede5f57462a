package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// RefusalCount is how often requests were refused for a cause on one day or, if it is Reported,
// accepted and reported.
type RefusalCount struct {
	// Day is the start of the day in UTC.
	Day time.Time
	// Source is the source's name at that time; it is "" for requests without a known source.
	Source string
	Cause  string
	Status int
	// Reported is whether the messages were accepted, as [Refusal.Reported].
	Reported bool
	// Refusals is exact, except for what a process that was killed had not written yet.
	Refusals int64
}

// CountRefusals stores the totals of one process in place of those that it stored before. No other
// process may have the same name. After an error it may be called again, whatever became of the
// first call.
func (s *Store) CountRefusals(ctx context.Context, process string, totals []RefusalCount) error {
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		for _, c := range totals {
			_, err := tx.ExecContext(ctx, tx.Rebind(`
				insert into refusal_counts (day, source, cause, status, process, reported, refusals)
				values (?, ?, ?, ?, ?, ?, ?)
				on conflict (day, source, cause, status, process)
					do update set refusals = excluded.refusals`),
				dayOf(c.Day), c.Source, c.Cause, c.Status, process, c.Reported, c.Refusals)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("count refusals: %w", err)
	}
	return nil
}

// RefusalCounts returns the counts that a filter selects, by day, source, cause and status. The day
// of Since is included as a whole. The filter's source need not exist any more.
func (s *Store) RefusalCounts(ctx context.Context, filter RefusalFilter) ([]RefusalCount, error) {
	var where conditions
	where = where.with("day >= ?", dayOf(filter.Since))
	if filter.Source != "" {
		where = where.with("source = ?", filter.Source)
	}
	var rows []struct {
		Day, Source, Cause string
		Status             int
		Reported           bool
		Refusals           int64
	}
	err := s.await(ctx, func() error {
		return s.read.SelectContext(ctx, &rows, s.read.Rebind(`
			select day, source, cause, status, reported, cast(sum(refusals) as bigint) as refusals
			from refusal_counts where `+where.sql()+`
			group by day, source, cause, status, reported
			order by day, source, cause, status, reported`), where.args...)
	})
	if err != nil {
		return nil, fmt.Errorf("read refusal counts: %w", err)
	}
	counts := make([]RefusalCount, len(rows))
	for i, r := range rows {
		day, err := time.Parse(time.DateOnly, r.Day)
		if err != nil {
			return nil, fmt.Errorf("read refusal counts: %w", err)
		}
		counts[i] = RefusalCount{day, r.Source, r.Cause, r.Status, r.Reported, r.Refusals}
	}
	return counts, nil
}

// dayOf returns the day as it is stored: as text that sorts as the days do.
func dayOf(t time.Time) string { return t.UTC().Format(time.DateOnly) }
