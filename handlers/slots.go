package handlers

import "sync/atomic"

// slots bounds how many messages are decoded, or wait to be stored, at once. A message takes a slot
// when its body has come, before any work is done for it, and has it until its outcome is known:
// one that would be refused in the end is refused at once, and costs the others little time.
type slots struct {
	limit int64
	taken atomic.Int64
}

// take takes a slot, and reports whether there was one.
func (s *slots) take() bool {
	if s.taken.Add(1) > s.limit {
		s.taken.Add(-1)
		return false
	}
	return true
}

// giveBack gives back a slot that was taken.
func (s *slots) giveBack() { s.taken.Add(-1) }
