package store

import "github.com/lib/pq"

const MaxRefusals = maxRefusals

var SameOrganization = sameOrganization

// PostgresConfig returns the configuration of a URL: its effect shows only with another machine.
func PostgresConfig(url string) (pq.Config, error) {
	config, _, err := postgresConfig(url)
	return config, err
}

// Waiting returns how many batches no committer has taken yet, for tests that build a group.
func (s *Store) Waiting() int {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	return len(s.queue.waiting)
}

// Pending returns how many batches, of how many bytes, have not been answered yet.
func (s *Store) Pending() (batches int, bytes int64) {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	return s.queue.pending, s.queue.bytes
}

// ForgetLastWrite makes the outcome of the last write too old to count.
func (s *Store) ForgetLastWrite() {
	s.lastWrite.mu.Lock()
	defer s.lastWrite.mu.Unlock()
	s.lastWrite.at = s.lastWrite.at.Add(-maxWriteAge)
}
