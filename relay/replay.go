package relay

import (
	"context"
	"time"

	"golang.org/x/time/rate"

	"ackbox/store"
)

// replay is a replay that runs at a destination.
type replay struct {
	store.Replay
	limit   *rate.Limiter // nil for none
	items   []*store.Notification
	next    int64 // the cursor after items
	sending bool
}

// loadReplay takes over the oldest replay that has not ended.
func (r *runner) loadReplay(ctx context.Context) error {
	r.replay = nil
	running, err := r.store.RunningReplays(ctx, r.destination.ID)
	if err != nil || len(running) == 0 {
		return err
	}
	r.replay = &replay{Replay: running[0], next: running[0].Cursor}
	if n := r.replay.Rate; n > 0 {
		r.replay.limit = newLimiter(n, r.Batch)
	}
	return nil
}

// newLimiter returns a limiter of events a second, for batches of up to a tenth of a second.
func newLimiter(perSecond, batch int) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(perSecond), max(1, min(perSecond/10, batch)))
}

// beginReplay begins to send a part of the replay. It yields to what is stored meanwhile.
func (r *runner) beginReplay(ctx context.Context, most int) error {
	p := r.replay
	if p == nil || p.sending || len(r.flying) > 0 || !r.log.idle() {
		return nil
	}
	if p.limit != nil {
		most = min(most, p.limit.Burst())
	}
	if len(p.items) == 0 && p.next < p.To { // a page may have none: what is stored meanwhile comes first
		found, next, err := r.store.ReplayPage(ctx, &p.Replay, p.next, readAhead)
		if err != nil {
			return err
		}
		p.next = next
		for i := range found {
			p.items = append(p.items, &found[i])
		}
	}
	n := min(most, len(p.items))
	items := make([]item, n)
	for i, n := range p.items[:n] {
		items[i] = r.filter.item(n)
	}
	sendable, err := r.order.prepare(ctx, items)
	if err != nil || n > 0 && sendable == 0 {
		return err
	}
	r.sendReplay(ctx, items[:sendable])
	return nil
}

// sendReplay sends the next items of the replay and settles them.
func (r *runner) sendReplay(ctx context.Context, items []item) {
	p := r.replay
	p.sending = true
	r.order.begin(items)
	r.start(func() completion {
		r.order.waves(items, func(wave []*item) {
			if p.limit != nil {
				_ = p.limit.WaitN(ctx, len(wave)) // the sender says that the context has ended
			}
			r.sendWave(ctx, wave)
		})
		return func(ctx context.Context) error {
			p.sending = false
			return r.settleReplay(ctx, items)
		}
	})
}

// settleReplay settles items of the replay and moves its cursor.
func (r *runner) settleReplay(ctx context.Context, items []item) error {
	p, now := r.replay, time.Now()
	next := p.next
	if len(items) < len(p.items) {
		next = p.items[len(items)].ID - 1
	}
	ruled := rule(p.Cursor, next, items)
	r.order.end(items)
	if err := r.leaveOpen(ctx, ruled.passed); err != nil {
		return err
	}
	done := store.Settlement{At: now}
	progress := &store.ReplayProgress{
		Replay: p.ID, Cursor: ruled.cursor, Delivered: ruled.delivered, Filtered: ruled.filtered,
		Skipped: ruled.skipped, Done: ruled.cursor == p.To,
	}
	progress.Failed = int64(len(ruled.passed)) - ruled.delivered - ruled.filtered - ruled.skipped
	for i := range ruled.passed {
		if item := &ruled.passed[i]; item.fate == wanted && item.verdict.Outcome == Success {
			progress.Settled = append(progress.Settled, item.notification.ID)
		}
	}
	answered := r.addRows(&done, withoutSkipped(ruled.passed), now)
	done.Delivered, done.Replay = ruled.delivered, progress
	if ruled.delivered > 0 {
		done.Succeeded = &now
	}
	if err := r.finish(ctx, &done, ruled.down, answered); err != nil {
		return err
	}
	p.Cursor, p.items = ruled.cursor, p.items[len(ruled.passed):]
	switch {
	case ruled.gone:
		return r.disable(ctx)
	case progress.Done:
		r.slog.Info("replay done", "destination", r.destination.Name, "replay", p.ID)
		return r.loadReplay(ctx)
	}
	return nil
}

// leaveOpen ignores items that are exceptions which are still to be delivered.
func (r *runner) leaveOpen(ctx context.Context, items []item) error {
	var ids []int64
	for i := range items {
		if items[i].fate == held || items[i].fate == wanted && items[i].verdict.Outcome != Success {
			ids = append(ids, items[i].notification.ID)
		}
	}
	open, err := r.store.OpenAmong(ctx, r.destination.ID, ids)
	for i := range items {
		if open[items[i].notification.ID] {
			items[i].fate = ignored
		}
	}
	return err
}

// withoutSkipped returns the items without those that are skipped: a replay leaves no rows for what
// was delivered before.
func withoutSkipped(items []item) []item {
	kept := make([]item, 0, len(items))
	for _, item := range items {
		if item.fate != skipped {
			kept = append(kept, item)
		}
	}
	return kept
}

// CountReplay counts what a replay would send, by the same rules: the notifications of its selection
// that the filter lets through and, with the order latest, that are not older than what the
// destination has got.
func CountReplay(
	ctx context.Context, db Database, d store.Destination, filter Filter, r store.Replay,
) (int64, error) {
	var n int64
	o := order{
		store: db, destination: d.ID, ordering: d.Ordering, blocked: map[string]int{}, busy: map[string]int{},
		marks: map[string]store.Mark{},
	}
	for cursor := r.From; cursor < r.To; {
		found, next, err := db.ReplayPage(ctx, &r, cursor, readAhead)
		if err != nil {
			return 0, err
		}
		items := make([]item, 0, len(found))
		for i := range found {
			if i := filter.item(&found[i]); i.fate == wanted {
				items = append(items, i)
			}
		}
		if err := o.judge(ctx, items); err != nil {
			return 0, err
		}
		for i := range items {
			if items[i].fate == wanted {
				n++
			}
		}
		cursor = next
	}
	return n, nil
}
