package relay

import (
	"math/rand/v2"
	"time"

	"ackbox/store"
)

// fate is what is done with a notification of the log at a destination.
type fate int

// The fates. The first is that of what is sent.
const (
	wanted  fate = iota
	ignored      // the destination does not want it
	held         // an earlier one of its record has failed
	skipped      // the destination has got a newer one of its record
)

// item is a notification of the log with what became of it at a destination.
type item struct {
	notification *store.Notification
	record       string // "" if the order does not regard it
	fate         fate
	unmatched    bool // the filter cannot be computed for it
	stale        bool
	busy         bool    // is counted as being sent
	attempt      int     // with it, from 1
	verdict      Verdict // of a wanted one
}

// unsent reports whether the item is to be sent.
func (i *item) unsent() bool { return i.fate == wanted && i.verdict.Outcome == 0 }

// answered reports whether the destination has answered for the item.
func (i *item) answered() bool { return i.fate == wanted && i.verdict.Outcome != Unavailable }

// open reports whether the item is still to be delivered, for the destination did not answer.
func (i *item) open() bool { return i.fate == wanted && i.verdict.Outcome == Unavailable }

// ruling is what follows from the verdicts of a part of the log.
type ruling struct {
	cursor                       int64
	delivered, filtered, skipped int64
	unmatched                    int64 // of those that were filtered
	// passed are the items that the cursor passes, the others are read again.
	passed []item
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
	end := passable(items)
	r := ruling{cursor: cursor, passed: items[:end]}
	for i := range items[:end] {
		switch item := &items[i]; {
		case item.fate == ignored:
			r.filtered++
			if item.unmatched {
				r.unmatched++
			}
		case item.fate == skipped:
			r.skipped++
		case item.fate == held:
		case item.verdict.Outcome == Success:
			r.delivered++
		default:
			r.gone = r.gone || item.verdict.Outcome == Gone
		}
	}
	switch {
	case end == len(items):
		r.cursor = next
		return r
	case end > 0:
		r.cursor = items[end-1].notification.ID
	}
	if r.delivered == 0 {
		r.down = &items[end].verdict
	}
	return r
}

// passable returns how many of the items the cursor passes: those before the first one that the
// destination did not answer for, after the last one that it answered for.
func passable(items []item) int {
	last := len(items) - 1
	for last >= 0 && !items[last].answered() {
		last--
	}
	for i := last + 1; i < len(items); i++ {
		if items[i].open() {
			return i
		}
	}
	return len(items)
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
