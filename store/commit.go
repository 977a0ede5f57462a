package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"ackbox/ledger"
)

// commitWaiting commits group after group until nothing waits.
func (s *Store) commitWaiting() {
	for g := s.queue.take(); g != nil; g = s.queue.take() {
		err := s.commit(g.ctx, g.messages)
		s.queue.release(g)
		if errors.Is(err, errNotBegun) && g.ctx.Err() == nil {
			// There is no transaction to be had for the others either. They are not to find out one after the other.
			s.queue.refuse(err)
		}
	}
}

// commit saves messages in one transaction and answers each. If that fails and the database is not at fault, it halves
// them until each that cannot be saved is alone: one costs the others a few transactions, not one each. The outcome of
// a transaction that the database was at fault for is unknown, so nothing is tried after it: that is the error.
func (s *Store) commit(ctx context.Context, messages []*pending) (outage error) {
	saved, err := s.insert(ctx, messages)
	half := len(messages) / 2
	switch {
	case err == nil:
		for i, p := range messages {
			p.answer(saved[i], nil)
		}
		return nil
	case errors.Is(err, ErrUnavailable), errors.Is(err, errNotBegun):
		answerAll(messages, err)
		return err
	case half == 0:
		answerAll(messages, err)
		return nil
	}
	if outage := s.commit(ctx, messages[:half]); outage != nil {
		answerAll(messages[half:], outage)
		return outage
	}
	return s.commit(ctx, messages[half:])
}

func answerAll(messages []*pending, err error) {
	for _, p := range messages {
		p.answer(Saved{}, err)
	}
}

// maxAttempts is how often a save is tried that PostgreSQL rolls back for a deadlock.
const maxAttempts = 10

// insert adds the rows of messages that are not there yet, in one transaction, and counts them per message.
func (s *Store) insert(ctx context.Context, messages []*pending) ([]Saved, error) {
	rows := sortedRows(messages)
	inserts := s.statements(rows)
	for attempt := 1; ; attempt++ {
		fresh, err := s.run(ctx, inserts)
		if err == nil {
			return countResults(len(messages), rows, fresh), nil
		}
		if !isDeadlock(err) || attempt == maxAttempts {
			return nil, err
		}
	}
}

// sortedRow is a row of one of several messages.
type sortedRow struct {
	*row
	message int // its place among the messages
	order   int // its place among all rows
}

// sortedRows sorts by identity, so that two inserts which share notifications wait for each other and do not deadlock.
// Contents of one identity stay in the order they came in, which becomes that of the revisions: sorting them too would
// spare a deadlock now and then, which is tried again, but shuffle them.
func sortedRows(messages []*pending) []sortedRow {
	n := 0
	for _, p := range messages {
		n += len(p.rows)
	}
	rows := make([]sortedRow, 0, n)
	for m, p := range messages {
		for i := range p.rows {
			rows = append(rows, sortedRow{&p.rows[i], m, len(rows)})
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

// countResults counts what became of the rows of each message. Of rows with the same content it is the first that was
// inserted. A statement of PostgreSQL does not see what itself has inserted, so an identity that is fresh twice is
// found here.
func countResults(messages int, rows []sortedRow, fresh []freshRow) []Saved {
	added := make(map[content]bool, len(fresh)) // whether the identity was known
	for _, f := range fresh {
		added[f.content] = f.known
	}
	saved := make([]Saved, messages)
	var last identity // that something was added to; rows of one identity follow each other
	for _, r := range rows {
		key := content{r.identity, r.digest}
		known, isFresh := added[key]
		switch {
		case !isFresh:
			saved[r.message].Duplicates++
			continue
		case known || r.identity == last:
			saved[r.message].Revisions++
		default:
			saved[r.message].Stored++
		}
		last = r.identity
		delete(added, key)
	}
	return saved
}
