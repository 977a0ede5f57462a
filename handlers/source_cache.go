package handlers

import (
	"context"
	"log/slog"
	"time"

	"ackbox/store"
)

const (
	// refreshEvery is how old the cache may be: what an operator changes acts within a second.
	refreshEvery = 500 * time.Millisecond
	// tokenPace is the time between two reads for unknown tokens, however many ask: 20 a second.
	tokenPace      = 50 * time.Millisecond
	refreshTimeout = 5 * time.Second
)

// sourceReader reads all sources with their tokens and organizations.
type sourceReader interface {
	Sources(ctx context.Context) ([]store.Source, error)
}

// sourceCache knows the source of each token, without a query for each request. While the database
// is down it knows what it knew.
type sourceCache struct {
	sources *cached[tokens]
	log     *slog.Logger
}

// tokens are the sources by the digests of their tokens.
type tokens map[[32]byte]tokenSource

type tokenSource struct {
	source store.Source
	token  store.Token
}

func newSourceCache(r sourceReader, log *slog.Logger) *sourceCache {
	return &sourceCache{newCached(func(ctx context.Context) (tokens, error) { return readTokens(ctx, r) }), log}
}

func readTokens(ctx context.Context, r sourceReader) (tokens, error) {
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	sources, err := r.Sources(ctx)
	if err != nil {
		return nil, err
	}
	found := tokens{}
	for _, source := range sources {
		for _, token := range source.Tokens {
			found[token.SHA256] = tokenSource{source, token}
		}
	}
	return found, nil
}

// run refreshes the cache until the context ends.
func (s *sourceCache) run(ctx context.Context) {
	refresh := func(ctx context.Context) error {
		_, err := s.sources.get(ctx, refreshEvery/2)
		return err
	}
	periodic{refreshEvery, refresh, s.logChange}.run(ctx)
}

func (s *sourceCache) logChange(err error) {
	if err != nil {
		s.log.Error("database unavailable, messages are refused until it answers", "error", err)
		return
	}
	s.log.Info("database answers again")
}

// find returns the source of a token, by the token's digest, as far as the cache knows it.
func (s *sourceCache) find(key [32]byte) (source store.Source, found bool) {
	known, _ := s.sources.last()
	return known.find(key)
}

// findFresh returns the source of a token after the sources were read by a query that began after
// the call: the token may be as new as that. An error says that it cannot be told, whatever the
// cache knew.
func (s *sourceCache) findFresh(ctx context.Context, key [32]byte) (source store.Source, found bool, err error) {
	known, err := s.sources.getNext(context.WithoutCancel(ctx), tokenPace)
	if err != nil {
		return store.Source{}, false, err
	}
	source, found = known.find(key)
	return source, found, nil
}

// loaded reports whether the sources have been read at all.
func (s *sourceCache) loaded() bool {
	_, loaded := s.sources.last()
	return loaded
}

// find looks a token up by its digest. How long that takes tells nothing of the tokens that exist.
func (t tokens) find(key [32]byte) (store.Source, bool) {
	known, found := t[key]
	if !found || !known.token.Valid(time.Now()) {
		return store.Source{}, false
	}
	return known.source, true
}
