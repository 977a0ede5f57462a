package relay

import (
	"math/rand/v2"
	"time"

	"ackbox/store"
)

// item is a notification of the log with what became of it at a destination.
type item struct {
	notification store.Notification
	wanted       bool
	verdict      Verdict // of a wanted one
}

// settled reports whether the destination has answered for the item, or does not want it.
func (i *item) settled() bool {
	return !i.wanted || i.verdict.Outcome != Unavailable
}

// ruling is what follows from the verdicts of a part of the log.
type ruling struct {
	cursor              int64
	delivered, filtered int64
	// failed are the items that become exceptions.
	failed []*item
	// down is the verdict that shows that the destination is not available, nil if it is.
	down *Verdict
	gone bool
}

// rule decides how far the cursor moves: to the last event that the destination has answered for.
// What failed before that becomes an exception, whatever the reason: the destination is available,
// and one event must not hold up the others. What failed after that makes no row, so that a
// destination that is down for days costs nothing. If nothing succeeded and the last ones failed, the
// destination is down. The cursor before the part is cursor, next the one after all of it.
func rule(cursor, next int64, items []item) ruling {
	r := ruling{cursor: cursor}
	end := len(items) // of what the cursor passes
	for end > 0 && !items[end-1].settled() {
		end--
	}
	succeeded := false
	for i := range items[:end] {
		switch item := &items[i]; {
		case !item.wanted:
			r.filtered++
		case item.verdict.Outcome == Success:
			r.delivered++
			succeeded = true
		default:
			r.gone = r.gone || item.verdict.Outcome == Gone
			r.failed = append(r.failed, item)
		}
	}
	switch {
	case end == len(items):
		r.cursor = next
		return r
	case end > 0:
		r.cursor = items[end-1].notification.ID
	}
	if !succeeded {
		r.down = &items[end].verdict
	}
	return r
}

// Backoff is how the waits between attempts grow: they double from First to Most, each shortened by
// up to a half at random, so that what failed together is not tried again together.
type Backoff struct{ First, Most time.Duration }

// after returns how long to wait after that many failures, or as long as the destination wants.
func (b Backoff) after(failures int, wanted time.Duration) time.Duration {
	wait := b.First
	for range failures - 1 {
		if wait *= 2; wait >= b.Most {
			wait = b.Most
			break
		}
	}
	wait -= rand.N(wait/2 + 1) //nolint:gosec // nobody gains by guessing it
	return max(wait, min(wanted, b.Most))
}
