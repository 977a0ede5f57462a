package handlers

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"ackbox/internal/access/certificate"
	"ackbox/store"
)

const (
	// seenAgain is how old the database's word on a certificate may be that is shown all the time.
	seenAgain = time.Minute
	// maxSightings bounds what is remembered; sources have one certificate each, or two while it changes.
	maxSightings = 1000
	// maxChain and maxName bound what is remembered of each, in bytes: a handshake may bring 256 KiB of certificates,
	// and who makes one chooses its names.
	maxChain = 16 << 10
	maxName  = 1000
	// maxWritten is how many are written at once: each is a transaction, of which messages need some, too.
	maxWritten = 20
	// forgetAccepted and forgetOther are how long one is remembered that is not shown any more. The database knows it.
	forgetAccepted = 30 * 24 * time.Hour
	forgetOther    = time.Hour
	// endsSoon is how long before its end the operator is warned of a certificate.
	endsSoon = 30 * 24 * time.Hour
)

// sightings remembers for the operator which client certificates were shown for which source, and when they end.
type sightings struct {
	store Store
	log   *slog.Logger

	mu   sync.Mutex
	seen map[sightingKey]*sighting
}

type sightingKey struct {
	sourceID int64
	sha256   [32]byte
}

type sighting struct {
	store.ClientCertificate
	written time.Time // LastSeen as the database has it; zero when it does not know the certificate as it is
}

// saw notes a chain that was shown for a source, the client's own certificate first. Problem is "" when it is accepted.
func (s *sightings) saw(source store.Source, chain []*x509.Certificate, problem string, now time.Time) {
	key := sightingKey{source.ID, sha256.Sum256(chain[0].Raw)}
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.seen[key]
	if known == nil && !s.makeRoom() {
		return
	}
	if known == nil || known.Problem != problem {
		known = &sighting{ClientCertificate: clientCertificate(source, chain, problem, now)}
		s.seen[key] = known
	}
	known.LastSeen = now
}

// makeRoom tells whether there is room for one more, at the cost of one that is not accepted.
func (s *sightings) makeRoom() bool {
	if len(s.seen) < maxSightings {
		return true
	}
	for key, c := range s.seen {
		if c.Problem != "" {
			delete(s.seen, key)
			return true
		}
	}
	return false
}

func clientCertificate(
	source store.Source, chain []*x509.Certificate, problem string, now time.Time,
) store.ClientCertificate {
	own := chain[0]
	return store.ClientCertificate{
		SourceID: source.ID, Source: source.Name, SHA256: sha256.Sum256(own.Raw), Subject: short(own.Subject.String()),
		Issuer: short(own.Issuer.String()), NotBefore: own.NotBefore, NotAfter: own.NotAfter, FirstSeen: now,
		LastSeen: now, Problem: problem, Chain: certificate.EncodePEM(fitting(chain)),
	}
}

// short is a name that holds no more memory than it may.
func short(name string) string { return strings.Clone(name[:min(len(name), maxName)]) }

// fitting are the first certificates of a chain, as many as may be remembered.
func fitting(chain []*x509.Certificate) []*x509.Certificate {
	size := 0
	for i, c := range chain {
		if size += len(c.Raw); size > maxChain {
			return chain[:i]
		}
	}
	return chain
}

// run reads what the database knows and writes what is new, until the context ends.
func (s *sightings) run(ctx context.Context) error {
	ticker := time.NewTicker(writeEvery)
	defer ticker.Stop()
	loaded, failing := false, false
	for {
		var err error
		if !loaded {
			err = s.load(ctx)
			loaded = err == nil
		} else {
			err = s.flush(ctx)
		}
		if err != nil && !failing && ctx.Err() == nil { // not every second
			s.log.Warn("client certificates not recorded", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// load fills in what was seen before this process was there.
func (s *sightings) load(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	known, err := s.store.ClientCertificates(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range known {
		key := sightingKey{c.SourceID, c.SHA256}
		if s.seen[key] == nil && len(s.seen) < maxSightings {
			s.seen[key] = &sighting{c, c.LastSeen}
		}
	}
	return nil
}

// flush writes what the database does not know.
func (s *sightings) flush(ctx context.Context) error {
	for _, c := range s.unwritten() {
		ctx, cancel := context.WithTimeout(ctx, writeTimeout)
		err := s.store.SawCertificate(ctx, c)
		cancel()
		if err != nil && !errors.Is(err, store.ErrNotFound) { // that is a source that was removed meanwhile
			return err
		}
		s.wrote(c)
	}
	return nil
}

// unwritten are those that the database does not know as they are, the accepted ones first, as many as are written at
// once. Those that have not been shown for long are forgotten.
func (s *sightings) unwritten() []store.ClientCertificate {
	s.mu.Lock()
	defer s.mu.Unlock()
	var accepted, others []store.ClientCertificate
	for key, c := range s.seen {
		switch {
		case c.LastSeen.Sub(c.written) >= seenAgain && c.Problem == "":
			accepted = append(accepted, c.ClientCertificate)
		case c.LastSeen.Sub(c.written) >= seenAgain:
			others = append(others, c.ClientCertificate)
		case c.Problem != "" && time.Since(c.LastSeen) > forgetOther, time.Since(c.LastSeen) > forgetAccepted:
			delete(s.seen, key)
		}
	}
	found := slices.Concat(accepted, others)
	return found[:min(len(found), maxWritten)]
}

func (s *sightings) wrote(c store.ClientCertificate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.seen[sightingKey{c.SourceID, c.SHA256}]
	if known != nil && known.Problem == c.Problem {
		known.written = c.LastSeen
	}
}

// current are the accepted certificates that were shown last, by source.
func (s *sightings) current() map[string]store.ClientCertificate {
	s.mu.Lock()
	defer s.mu.Unlock()
	current := map[string]store.ClientCertificate{}
	for _, c := range s.seen {
		if c.Problem == "" && c.LastSeen.After(current[c.Source].LastSeen) {
			current[c.Source] = c.ClientCertificate
		}
	}
	return current
}

// warnings are about the certificates in use that end soon. They name no source.
func (s *sightings) warnings(now time.Time) []string {
	ending, days := 0, 0
	for _, c := range s.current() {
		left := c.NotAfter.Sub(now)
		if left > endsSoon {
			continue
		}
		if d := max(int(left.Hours()/24), 0); ending == 0 || d < days {
			days = d
		}
		ending++
	}
	if ending == 0 {
		return nil
	}
	return []string{fmt.Sprintf("client certificates in use that end within 30 days: %d, the first in %d days; "+
		"pin the next one too before it comes", ending, days)}
}
