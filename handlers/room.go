package handlers

import "sync"

// room is an amount of memory that the bodies of all sources share, in bytes. Nobody waits for
// some: there is enough, or the message is refused, and comes again.
type room struct {
	total int64

	mu   sync.Mutex
	used int64
	held map[int64]int64 // by the ids of the sources
}

// shareFactor is how many times what is left free a source may hold. One that is alone can hold
// four fifths of a room, each of two that compete four ninths, and so on: the share shrinks only as
// others come, and something is left for whoever comes next. This is the dynamic threshold of
// Choudhury and Hahne, "Dynamic Queue Length Thresholds for Shared-Memory Packet Switches" (1998).
const shareFactor = 4

func newRoom(total int64) *room { return &room{total: total, held: map[int64]int64{}} }

// take takes so many bytes for a source, and reports whether it may have them.
func (r *room) take(source, bytes int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	held, used := r.held[source]+bytes, r.used+bytes
	if held > shareFactor*(r.total-used) {
		return false
	}
	r.held[source], r.used = held, used
	return true
}

// giveBack gives back what a source has taken.
func (r *room) giveBack(source, bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used -= bytes
	if r.held[source] -= bytes; r.held[source] == 0 {
		delete(r.held, source)
	}
}

const (
	// maxSmallBody is how large a small body is at most. Almost all are small; there is room that only
	// they can take, to be read and to be decoded, so that they pass however many large ones come.
	maxSmallBody = 256 << 10
	smallRoom    = 16 << 20
)

// rooms are the rooms of the bodies that are being read.
type rooms struct {
	small, large *room
	limit        int64 // of a body
	smallBody    int64
}

// newRooms returns the rooms for bodies up to a limit. A source that is alone has room for two of
// the largest.
func newRooms(limit int64) *rooms {
	return &rooms{
		small: newRoom(smallRoom), large: newRoom(2*(limit+1) + 2*(limit+1)/shareFactor + 1),
		limit: limit, smallBody: min(maxSmallBody, limit/4),
	}
}

// RoomOfBodies returns how many bytes the bodies that are being read, of up to a limit each, take
// together at most.
func RoomOfBodies(limit int64) int64 {
	r := newRooms(limit)
	return r.small.total + r.large.total
}

// take takes room for a buffer of a source, and returns the room that has it, or nil.
func (r *rooms) take(source, size int64) *room {
	if size <= r.smallBody && r.small.take(source, size) {
		return r.small
	}
	if r.large.take(source, size) {
		return r.large
	}
	return nil
}
