package store

import (
	"slices"
	"sync"
)

// wakes holds the functions that are called after a commit.
type wakes struct {
	mu    sync.Mutex
	calls []func()
}

// AfterCommit registers wake to be called after each transaction of this process that stored
// something new, so that a reader that follows the notifications need not wait for its next poll. A
// committer calls wake after answering the batches of the transaction, so wake must return at once.
// It may be called late, and is not called for what other processes store.
func (s *Store) AfterCommit(wake func()) {
	s.wakes.mu.Lock()
	defer s.wakes.mu.Unlock()
	s.wakes.calls = append(s.wakes.calls, wake)
}

// wake calls the registered functions if a transaction stored anything new.
func (s *Store) wake(saved []Saved) {
	if !storedAny(saved) {
		return
	}
	s.wakes.mu.Lock()
	calls := s.wakes.calls
	s.wakes.mu.Unlock()
	for _, wake := range calls {
		wake()
	}
}

// storedAny reports whether anything new was stored.
func storedAny(saved []Saved) bool {
	return slices.ContainsFunc(saved, func(n Saved) bool { return n.Stored+n.Revisions > 0 })
}
