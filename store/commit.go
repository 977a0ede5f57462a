package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"ackbox/ledger"
)

// commit saves batches in one transaction and answers each. If that fails and the database is not at fault, it halves
// them until each that cannot be saved is alone: one costs the others a few transactions, not one each. The outcome of
// a transaction that the database was at fault for is unknown, so nothing is tried after it: that is the error.
func (s *Store) commit(ctx context.Context, batches []*pending) (outage error) {
	saved, err := s.insert(ctx, batches)
	half := len(batches) / 2
	switch {
	case err == nil:
		for i, p := range batches {
			p.answer(saved[i], nil)
		}
		s.wake(saved)
		return nil
	case errors.Is(err, ErrUnavailable), errors.Is(err, errNotBegun):
		answerAll(batches, err)
		return err
	case half == 0:
		answerAll(batches, err)
		return nil
	}
	if outage := s.commit(ctx, batches[:half]); outage != nil {
		answerAll(batches[half:], outage)
		return outage
	}
	return s.commit(ctx, batches[half:])
}

func answerAll(batches []*pending, err error) {
	for _, p := range batches {
		p.answer(Saved{}, err)
	}
}

// maxAttempts is how often a save is tried that PostgreSQL rolls back for a deadlock.
const maxAttempts = 10

// insert adds the rows of batches that are not there yet, in one transaction with what joins it, and counts them per
// batch.
func (s *Store) insert(ctx context.Context, batches []*pending) ([]Saved, error) {
	rows := sortedRows(batches)
	inserts := s.statements(rows)
	for attempt := 1; ; attempt++ {
		fresh, err := s.run(ctx, inserts, batches[0].join) // one with a join is alone
		if err == nil {
			return countResults(len(batches), rows, fresh), nil
		}
		if !isDeadlock(err) || attempt == maxAttempts {
			return nil, err
		}
	}
}

// sortedRow is a row of one of several batches.
type sortedRow struct {
	*row
	batch int // its place among the batches
	order int // its place among all rows
}

// sortedRows sorts by identity, so that two inserts which share notifications wait for each other and do not deadlock.
// Contents of one identity stay in the order they came in, which becomes that of the revisions: sorting them too would
// spare a deadlock now and then, which is tried again, but shuffle them.
func sortedRows(batches []*pending) []sortedRow {
	n := 0
	for _, p := range batches {
		n += len(p.rows)
	}
	rows := make([]sortedRow, 0, n)
	for b, p := range batches {
		for i := range p.rows {
			rows = append(rows, sortedRow{&p.rows[i], b, len(rows)})
		}
	}
	slices.SortFunc(rows, func(a, b sortedRow) int {
		return cmp.Or(a.compare(b.identity), cmp.Compare(a.order, b.order))
	})
	return rows
}

func (i identity) compare(j identity) int {
	if c := cmp.Compare(i.sourceID, j.sourceID); c != 0 {
		return c
	}
	if c := strings.Compare(i.organization, j.organization); c != 0 {
		return c
	}
	return strings.Compare(i.notificationID, j.notificationID)
}

// content is the unique key of what is stored.
type content struct {
	identity
	digest ledger.Digest
}

// freshRow is a row that was inserted.
type freshRow struct {
	id int64
	content
	known bool // there were rows of this identity before
}

// countResults counts what became of the rows of each batch. Of rows with the same content it is the first that was
// inserted. A statement of PostgreSQL does not see what itself has inserted, so an identity that is fresh twice is
// found here.
func countResults(batches int, rows []sortedRow, fresh []freshRow) []Saved {
	added := make(map[content]bool, len(fresh)) // whether the identity was known
	for _, f := range fresh {
		added[f.content] = f.known
	}
	saved := make([]Saved, batches)
	var last identity // that something was added to; rows of one identity follow each other
	for _, r := range rows {
		key := content{r.identity, r.digest}
		known, isFresh := added[key]
		switch {
		case !isFresh:
			saved[r.batch].Duplicates++
			continue
		case known || r.identity == last:
			saved[r.batch].Revisions++
		default:
			saved[r.batch].Stored++
		}
		last = r.identity
		delete(added, key)
	}
	return saved
}
