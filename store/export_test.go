package store

const MaxRefusals = maxRefusals

var (
	PostgresConfig   = postgresConfig // its effect shows only with another machine
	SameOrganization = sameOrganization
)

// Waiting is how many messages no committer has taken yet, for tests that build a group.
func (s *Store) Waiting() int {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	return len(s.queue.waiting)
}

// Pending is how many messages, of how many bytes, have not been answered yet.
func (s *Store) Pending() (messages int, bytes int64) {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	return s.queue.pending, s.queue.bytes
}
