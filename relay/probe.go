package relay

import (
	"context"
	"time"
)

// probesBeforePassing is how often the same event is tried before the one of another record is, in
// turn with it.
const probesBeforePassing = 3

// beginProbe sends one event, of the log or else an exception, to a destination that was down.
func (r *runner) beginProbe(ctx context.Context, now time.Time) error {
	if len(r.flying) > 0 || r.retries || r.replay != nil && r.replay.sending {
		return nil
	}
	b, err := r.nextBatch(ctx)
	if err != nil {
		return err
	}
	if b == nil {
		if err := r.beginRetries(ctx, now, 1); err != nil || r.retries {
			return err
		}
		return r.beginReplay(ctx, 1)
	}
	b.items, b.next = r.probe(b.items, b.next)
	r.log.seek(b.next)
	r.send(ctx, b)
	return nil
}

// probe reduces a part of the log, for a destination that is down, to what is tried next: the first
// event, or after some failures, each second time, the first event of another record. If that one is
// delivered, it is not the destination that fails, but the first event.
func (r *runner) probe(items []item, next int64) ([]item, int64) {
	first := -1
	for i := range items {
		if items[i].fate != wanted {
			continue
		}
		passing := r.failures >= probesBeforePassing && r.failures%2 == 1
		if first < 0 {
			first = i
		}
		if passing && (i == first || recordOf(items[i].notification) == recordOf(items[first].notification)) {
			items[i].verdict = Verdict{Outcome: Unavailable, Status: r.last.Status, Error: r.last.Error}
			continue
		}
		return items[:i+1], items[i].notification.ID
	}
	if first >= 0 { // there is no other record
		items[first].verdict = Verdict{}
		return items[:first+1], items[first].notification.ID
	}
	return items, next
}
