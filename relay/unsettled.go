package relay

import (
	"context"
	"time"

	"ackbox/store"
)

const (
	// settleInterval is how much time is at least between two settlements that only say that events
	// were delivered: under load each would be of a few events, and cost a transaction.
	settleInterval = 100 * time.Millisecond
	// maxUnsettled is how many events may be delivered and not be settled. With those in flight it
	// bounds what comes again when the process is killed.
	maxUnsettled = 200
)

// unsettled is what was delivered, or is not wanted, and is not stored yet.
type unsettled struct {
	done store.Settlement // without a cursor there is nothing
	at   time.Time        // of the last settlement
}

// by returns when what is unsettled is to be stored, ok false if nothing is.
func (u *unsettled) by() (at time.Time, ok bool) {
	return u.at.Add(settleInterval), u.done.Cursor != 0
}

// canWait reports whether a settlement may be stored with later ones.
func (u *unsettled) canWait(done *store.Settlement, now time.Time) bool {
	return len(done.Deliveries) == 0 && len(done.Freed) == 0 && now.Sub(u.at) < settleInterval &&
		u.done.Delivered+done.Delivered <= maxUnsettled && done.Span != nil &&
		(u.done.Span == nil || u.done.Span.From == done.Span.From)
}

// add adds a settlement that follows.
func (u *unsettled) add(done *store.Settlement) {
	done.Counts = sum(u.done.Counts, done.Counts)
	done.Marks = append(u.done.Marks, done.Marks...)
	if done.Cursor == 0 {
		done.Cursor = u.done.Cursor
	}
	if done.Succeeded == nil {
		done.Succeeded = u.done.Succeeded
	}
	if done.Span == nil {
		done.Span = u.done.Span
	}
	u.done = *done
}

func sum(a, b store.Counts) store.Counts {
	return store.Counts{
		Delivered: a.Delivered + b.Delivered, Filtered: a.Filtered + b.Filtered, Skipped: a.Skipped + b.Skipped,
		Failed: a.Failed + b.Failed, Retried: a.Retried + b.Retried, Dead: a.Dead + b.Dead,
		Unmatched: a.Unmatched + b.Unmatched,
	}
}

// settleSoon stores a settlement of the log now, or with those that follow.
func (r *runner) settleSoon(ctx context.Context, done *store.Settlement, ruled *ruling, answered bool) error {
	if ruled.down == nil && r.failures == 0 && r.unsettled.canWait(done, done.At) {
		r.unsettled.add(done)
		return nil
	}
	if waiting := r.unsettled.done.Span; waiting != nil && done.Span != nil && waiting.From != done.Span.From {
		if err := r.settleWaiting(ctx); err != nil {
			return err
		}
	}
	return r.finish(ctx, done, ruled.down, answered)
}

// settleDue stores what is unsettled if it is time to.
func (r *runner) settleDue(ctx context.Context, now time.Time) error {
	if by, ok := r.unsettled.by(); !ok || now.Before(by) {
		return nil
	}
	return r.settleWaiting(ctx)
}

// settleWaiting stores what is unsettled.
func (r *runner) settleWaiting(ctx context.Context) error {
	if r.unsettled.done.Cursor == 0 {
		return nil
	}
	return r.finish(ctx, &store.Settlement{At: time.Now()}, nil, false)
}
