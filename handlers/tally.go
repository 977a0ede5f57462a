package handlers

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"ackbox/store"
)

const (
	// sampleWindow and samples bound what is recorded and logged one by one: of each source and cause so many in a
	// window. All are counted.
	sampleWindow = 10 * time.Minute
	samples      = 100

	writeEvery   = time.Second
	writeTimeout = 5 * time.Second
	logEvery     = time.Minute
)

// event is what is told apart when refusals are counted. There are only so many: a sender chooses none of it freely.
type event struct {
	source string
	cause  cause
	status int
}

// daily is an event on a day.
type daily struct {
	day time.Time
	event
}

// total is how often something happened, and how much of that the database knows.
type total struct{ counted, written int64 }

// window is what came of an event since a time.
type window struct {
	since    time.Time
	events   int
	unlogged int // of those that are no samples
}

// tally counts exactly what is refused or reported, and picks what is recorded and logged one by one: a flood of bad
// requests fills neither the disk nor the log.
type tally struct {
	store   Store
	log     *slog.Logger
	process string

	mu      sync.Mutex
	totals  map[daily]*total
	windows map[event]*window
}

func newTally(s Store, log *slog.Logger) *tally {
	return &tally{
		store: s, log: log, process: rand.Text(), totals: map[daily]*total{}, windows: map[event]*window{},
	}
}

// add counts an event, and tells whether it is a sample.
func (t *tally) add(e event, now time.Time) (sample bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := daily{now.UTC().Truncate(24 * time.Hour), e}
	if t.totals[key] == nil {
		t.totals[key] = &total{}
	}
	t.totals[key].counted++
	w := t.windows[e]
	if w == nil {
		w = &window{since: now}
		t.windows[e] = w
	}
	if now.Sub(w.since) >= sampleWindow {
		w.since, w.events = now, 0
	}
	w.events++
	if w.events > samples {
		w.unlogged++
	}
	return w.events <= samples
}

// run writes the totals once a second, until the context ends. What is counted later is for [Handlers.Flush].
func (t *tally) run(ctx context.Context) error {
	write, log := time.NewTicker(writeEvery), time.NewTicker(logEvery)
	defer write.Stop()
	defer log.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-log.C:
			t.logUnlogged()
			continue
		case <-write.C:
		}
		err := t.flush(ctx)
		if err != nil && !failing && ctx.Err() == nil { // not every second
			t.log.Warn("counts of refusals not written, they are kept for later", "error", err)
		}
		failing = err != nil
	}
}

// logUnlogged says how much was left out of the log since the last time.
func (t *tally) logUnlogged() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for e, w := range t.windows {
		if w.unlogged > 0 {
			t.log.Warn("more of the same, counted only", "source", e.source, "cause", string(e.cause), "status", e.status,
				"count", w.unlogged)
			w.unlogged = 0
		}
	}
}

// flush writes the totals that have changed.
func (t *tally) flush(ctx context.Context) error {
	changed := t.changed()
	if len(changed) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if err := t.store.CountRefusals(ctx, t.process, changed); err != nil {
		return err
	}
	t.wrote(changed)
	return nil
}

// changed are the totals that the database does not know yet.
func (t *tally) changed() []store.RefusalCount {
	t.mu.Lock()
	defer t.mu.Unlock()
	var changed []store.RefusalCount
	for key, n := range t.totals {
		if n.counted > n.written {
			changed = append(changed, store.RefusalCount{
				Day: key.day, Source: key.source, Cause: string(key.cause), Status: key.status, Refusals: n.counted,
			})
		}
	}
	return changed
}

// wrote notes what the database knows, and forgets the days that are long over: a clock may be set back a little.
func (t *tally) wrote(totals []store.RefusalCount) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range totals {
		t.totals[daily{c.Day, event{c.Source, cause(c.Cause), c.Status}}].written = c.Refusals
	}
	for key, n := range t.totals {
		if time.Since(key.day) > 72*time.Hour && n.counted == n.written {
			delete(t.totals, key)
		}
	}
}
