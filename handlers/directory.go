package handlers

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

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
	reading sync.Mutex // held by who refreshes
}

// snapshot is what the database said at a time.
type snapshot struct {
	at      time.Time
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

// refresh reads the sources unless the snapshot is younger than an age. Whoever comes while another reads waits for it.
func (d *directory) refresh(ctx context.Context, age time.Duration) error {
	d.reading.Lock()
	defer d.reading.Unlock()
	if s := d.current.Load(); s != nil && time.Since(s.at) < age {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	s := &snapshot{at: time.Now(), sources: map[[32]byte]opened{}}
	sources, err := d.store.Sources(ctx)
	if err != nil {
		return err
	}
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
	err = d.refresh(ctx, refreshForToken)
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
