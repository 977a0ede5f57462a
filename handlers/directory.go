package handlers

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"ackbox/store"
)

// How old the directory may be: what an operator changes acts within a second, and a token that is not known within
// a tenth, so that a URL works as soon as it was printed.
const (
	refreshEvery    = 500 * time.Millisecond
	refreshForToken = 100 * time.Millisecond
	refreshTimeout  = 5 * time.Second
)

// directory knows which source a token opens, without a query for each request. While the database is down it knows
// what it knew.
type directory struct {
	store   Store
	log     *slog.Logger
	current atomic.Pointer[snapshot]
	reading *semaphore.Weighted // of one: who refreshes
	began   time.Time           // when that was, the last time
	failed  error               // what came of it
}

func newDirectory(s Store, log *slog.Logger) *directory {
	return &directory{store: s, log: log, reading: semaphore.NewWeighted(1)}
}

// snapshot is what the database said last.
type snapshot struct {
	sources map[[32]byte]opened
}

// opened is a source by one of its tokens.
type opened struct {
	source store.Source
	token  store.Token
}

// run refreshes until the context ends.
func (d *directory) run(ctx context.Context) error {
	ticker := time.NewTicker(refreshEvery)
	defer ticker.Stop()
	failing := false
	for {
		err := d.refresh(ctx, refreshEvery/2)
		if ctx.Err() != nil {
			return nil
		}
		if (err != nil) != failing {
			failing = err != nil
			d.logChange(err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// logChange says that the database went away, or that it came back: not every half second.
func (d *directory) logChange(err error) {
	if err != nil {
		d.log.Error("database unavailable, messages are refused until it answers", "error", err)
		return
	}
	d.log.Info("database answers again")
}

// refresh reads the sources, unless that was begun less than an age before the call. Whoever comes while another reads
// waits for it, and goes by what came of it, a failure too: of those who wait for a database that does not answer,
// each would otherwise wait for all before it.
func (d *directory) refresh(ctx context.Context, age time.Duration) error {
	came := time.Now()
	if err := d.reading.Acquire(ctx, 1); err != nil {
		return err
	}
	defer d.reading.Release(1)
	if came.Sub(d.began) >= age {
		d.began = time.Now()
		d.failed = d.read(ctx)
	}
	return d.failed
}

func (d *directory) read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	sources, err := d.store.Sources(ctx)
	if err != nil {
		return err
	}
	s := &snapshot{map[[32]byte]opened{}}
	for _, source := range sources {
		for _, token := range source.Tokens {
			s.sources[token.SHA256] = opened{source, token}
		}
	}
	d.current.Store(s)
	return nil
}

// find gives the source that a token opens now, as far as the snapshot knows.
func (d *directory) find(key [32]byte) (source store.Source, found bool) {
	return d.current.Load().find(key)
}

// findAnew does so after it has read the sources again, unless somebody just has: the token may be new. An error says
// that it cannot be told.
func (d *directory) findAnew(ctx context.Context, key [32]byte) (source store.Source, found bool, err error) {
	err = d.refresh(context.WithoutCancel(ctx), refreshForToken) // it is for others, too
	s := d.current.Load()
	if s == nil {
		return store.Source{}, false, err
	}
	source, found = s.find(key)
	return source, found, nil
}

// loaded tells whether the sources have been read at all.
func (d *directory) loaded() bool { return d.current.Load() != nil }

// find looks a token up by its digest. How long that takes tells nothing of the tokens that there are.
func (s *snapshot) find(key [32]byte) (store.Source, bool) {
	if s == nil {
		return store.Source{}, false
	}
	o, found := s.sources[key]
	if !found || !o.token.Valid(time.Now()) {
		return store.Source{}, false
	}
	return o.source, true
}
