package store

import (
	"slices"
	"sync"
)

// wakes holds those who want to know of commits.
type wakes struct {
	mu    sync.Mutex
	calls []func()
}

// AfterCommit has wake called after each transaction of this process that stored something new, so that whoever reads
// the notifications as a log need not wait for its next look. A committer calls it, after the batches of the transaction
// were answered, so it must return at once. It may come late, and what other processes store wakes nobody here.
func (s *Store) AfterCommit(wake func()) {
	s.wakes.mu.Lock()
	defer s.wakes.mu.Unlock()
	s.wakes.calls = append(s.wakes.calls, wake)
}

// wake calls those who want to know, if anything of a transaction was new.
func (s *Store) wake(saved []Saved) {
	isNew := func(n Saved) bool { return n.Stored+n.Revisions > 0 }
	if !slices.ContainsFunc(saved, isNew) {
		return
	}
	s.wakes.mu.Lock()
	calls := s.wakes.calls
	s.wakes.mu.Unlock()
	for _, wake := range calls {
		wake()
	}
}
