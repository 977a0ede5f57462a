package handlers

import (
	"context"
	"runtime/debug"
	"time"

	"golang.org/x/sync/semaphore"

	"ackbox/ledger"
)

// workRoom bounds what is decoded at once, and of large bodies what is decoded or saved, by the
// size of the bodies: a body takes several times its size in memory then. Small bodies have a room
// of their own, and never wait behind a large one.
type workRoom struct{ small, large *semaphore.Weighted }

const (
	smallWork = 4 << 20
	// workTimeout is how long a body may wait for its turn.
	workTimeout = 5 * time.Second
)

// newWorkRoom returns the room for bodies up to a limit: of the largest, one at a time is worked
// on.
func newWorkRoom(limit int64) *workRoom {
	return &workRoom{semaphore.NewWeighted(smallWork), semaphore.NewWeighted(limit)}
}

// turn is the slot of one message, and the room that its body has to be worked on. It must be
// finished, whatever happens.
type turn struct {
	slots *slots              // that a slot was taken of, or nil
	size  int                 // of the body
	room  *semaphore.Weighted // nil without a turn
}

// freeMemory returns the memory that is no longer in use, for a huge body: that which it was read
// to, before it is decoded, and that, before it is saved. Each step takes several times the body's
// size, and the garbage collector by itself would let the sum of them come up.
func freeMemory(size int) {
	const huge = 16 << 20
	if size >= huge {
		debug.FreeOSMemory()
	}
}

// begin waits for room of a size, and reports whether there is some.
func (t *turn) begin(room *semaphore.Weighted, size int) bool {
	if !room.TryAcquire(int64(size)) && !awaitRoom(room, size) {
		return false
	}
	t.size, t.room = size, room
	return true
}

func awaitRoom(room *semaphore.Weighted, size int) bool {
	ctx, cancel := context.WithTimeout(context.Background(), workTimeout)
	defer cancel()
	return room.Acquire(ctx, int64(size)) == nil
}

// end gives the room back, if there is any.
func (t *turn) end() {
	if t.room != nil {
		t.room.Release(int64(t.size))
		t.room = nil
	}
}

// finish gives back the slot and the room, if there are any.
func (t *turn) finish() {
	t.end()
	if t.slots != nil {
		t.slots.giveBack()
		t.slots = nil
	}
}

// decode decodes a body, if there is a slot for it, as soon as there is room for that. It keeps the
// slot, and a large one its room, until the turn is finished, when the batch was saved.
func (h *Handlers) decode(w wire, body []byte, t *turn) (batch *ledger.Batch, refused *refusal) {
	if !h.slots.take() {
		return nil, &refusal{cause: causeOverloaded}
	}
	t.slots = h.slots
	room, isSmall := h.work.large, int64(len(body)) <= h.rooms.smallBody
	if isSmall {
		room = h.work.small
		defer t.end()
	}
	if !t.begin(room, len(body)) {
		return nil, &refusal{cause: causeOverloaded, message: beginning(w, body)}
	}
	if jsonBound(body) > h.BodyLimit*5/4 { // before it takes its room
		return nil, &refusal{cause: causeTooLarge, detail: tooMuchJSON, message: beginning(w, body)}
	}
	freeMemory(len(body))
	batch, refused = w.decode(body)
	if refused == nil && jsonSize(batch) > h.BodyLimit {
		return nil, &refusal{cause: causeTooLarge, detail: tooMuchJSON, message: messageOf(batch)}
	}
	return batch, refused
}

// tooMuchJSON is about a body within the limit whose records are not, as they are stored: they
// are smaller than the body, unless much of it are characters that JSON escapes.
const tooMuchJSON = "the records are over the limit of this inbox as JSON, which escapes some characters"

// jsonSize returns the size of a batch's records in JSON.
func jsonSize(batch *ledger.Batch) (size int64) {
	for i := range batch.Entries {
		size += int64(len(batch.Entries[i].Fields))
	}
	return size
}

// jsonBound returns a bound of the size of a body's records in JSON: it escapes a control character
// by up to six bytes, a quote or a backslash by two.
func jsonBound(body []byte) (size int64) {
	for _, b := range body {
		size += int64(jsonLength[b])
	}
	return size
}

// jsonLength has the length of each byte of a text in JSON, at most.
var jsonLength = func() (lengths [256]uint8) {
	for b := range lengths {
		switch {
		case b == '"', b == '\\', b == '\t', b == '\n', b == '\r':
			lengths[b] = 2
		case b == '&': // "&#1;" becomes "\u0001"
			lengths[b] = 3
		case b < ' ':
			lengths[b] = 6
		default:
			lengths[b] = 1
		}
	}
	return lengths
}()
