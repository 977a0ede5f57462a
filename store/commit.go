package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"ackbox/ledger"
)

// commit saves batches in one transaction and answers each of them. If the transaction fails and
// the database is not at fault, commit halves the batches until each one that cannot be saved is
// alone: that costs the others a few transactions, not one each. If the database is at fault, the
// outcome of the transaction is unknown: commit tries nothing after it and returns the error. It
// does so, too, if other rows would fail in the same way.
func (s *Store) commit(ctx context.Context, batches []*pending) (outage error) {
	saved, err := s.insert(ctx, batches)
	half := len(batches) / 2
	switch {
	case err == nil:
		s.recordSave(ctx, batches, saved, nil)
		for i, p := range batches {
			p.answer(saved[i], nil)
		}
		s.wake(saved)
		return nil
	case errors.Is(err, ErrUnavailable), errors.Is(err, errNotBegun), !dependsOnRows(err):
		s.recordSave(ctx, batches, nil, err) // before somebody who has the answer asks
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

// maxAttempts limits how often a save is tried that PostgreSQL rolls back because of a deadlock.
const maxAttempts = 10

// insert adds the rows of batches that are not stored yet, in one transaction together with the
// batch's join, and counts them per batch.
func (s *Store) insert(ctx context.Context, batches []*pending) ([]Saved, error) {
	rows := sortedRows(batches)
	inserts := s.statements(rows)
	for attempt := 1; ; attempt++ {
		fresh, err := s.run(ctx, inserts, batches[0].join) // a batch with a join is alone
		if err == nil {
			recycle(inserts) // after an error, they may still be in use
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
	batch int // the index of its batch
	order int // its index among all rows
}

// sortedRows returns the rows of all batches sorted by identity, so that two inserts that share
// notifications wait for each other instead of deadlocking. Rows of one identity stay in the order
// of arrival, which becomes the order of their revisions. Sorting them too would avoid an
// occasional deadlock, which is tried again anyway, but would reorder the revisions.
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

// content is the unique key of a notification.
type content struct {
	identity
	digest ledger.Digest
}

// freshRow is a row that was inserted.
type freshRow struct {
	id int64
	content
	known bool // whether earlier rows have this identity
}

// countResults counts what became of the rows of each batch. Of several rows with the same content,
// the first is the inserted one. A PostgreSQL statement does not see the rows that it inserts
// itself, so an identity that is inserted twice is found here.
func countResults(batches int, rows []sortedRow, fresh []freshRow) []Saved {
	added := make(map[content]bool, len(fresh)) // to whether the identity was known
	for _, f := range fresh {
		added[f.content] = f.known
	}
	saved := make([]Saved, batches)
	var last identity // of the last inserted row; rows of one identity are adjacent
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
