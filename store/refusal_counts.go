package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// RefusalCount is how often something was refused, or with the status 200 reported, on one day.
type RefusalCount struct {
	// Day is its first moment, in UTC.
	Day time.Time
	// Source is the source's name at that time; "" for requests that reached none.
	Source string
	Cause  string
	Status int
	// Refusals is exact, but for what a process that was killed had not written yet.
	Refusals int64
}

// CountRefusals writes the totals of one process, which is named so that no other has its name, in place of those that
// it wrote before. So it may be called again when it fails, whatever became of the first call.
func (s *Store) CountRefusals(ctx context.Context, process string, totals []RefusalCount) error {
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		for _, c := range totals {
			_, err := tx.ExecContext(ctx, tx.Rebind(`
				insert into refusal_counts (day, source, cause, status, process, refusals) values (?, ?, ?, ?, ?, ?)
				on conflict (day, source, cause, status, process) do update set refusals = excluded.refusals`),
				dayOf(c.Day), c.Source, c.Cause, c.Status, process, c.Refusals)
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

// RefusalCounts are the counts that a filter selects, by day, source, cause and status. Of the day that Since is in,
// all is counted. A source of the filter need not exist any more.
func (s *Store) RefusalCounts(ctx context.Context, filter RefusalFilter) ([]RefusalCount, error) {
	var where conditions
	where = where.with("day >= ?", dayOf(filter.Since))
	if filter.Source != "" {
		where = where.with("source = ?", filter.Source)
	}
	var rows []struct {
		Day, Source, Cause string
		Status             int
		Refusals           int64
	}
	err := s.await(ctx, func() error {
		return s.read.SelectContext(ctx, &rows, s.read.Rebind(`
			select day, source, cause, status, cast(sum(refusals) as bigint) as refusals
			from refusal_counts where `+where.sql()+`
			group by day, source, cause, status order by day, source, cause, status`), where.args...)
	})
	if err != nil {
		return nil, fmt.Errorf("read counts of refusals: %w", err)
	}
	counts := make([]RefusalCount, len(rows))
	for i, r := range rows {
		day, err := time.Parse(time.DateOnly, r.Day)
		if err != nil {
			return nil, fmt.Errorf("read counts of refusals: %w", err)
		}
		counts[i] = RefusalCount{day, r.Source, r.Cause, r.Status, r.Refusals}
	}
	return counts, nil
}

// dayOf is how a day is stored: text that sorts as the days do.
func dayOf(t time.Time) string { return t.UTC().Format(time.DateOnly) }
