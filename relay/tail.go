package relay

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"ackbox/store"
)

// The bounds of a tail.
const (
	maxTailRows  = 10_000
	maxTailBytes = 16 << 20
	// rowBytes is about what a notification takes besides its fields.
	rowBytes = 400
	// lookInterval is how much time is at least between two looks at the end of the log: under load
	// each would find a few notifications.
	lookInterval = 10 * time.Millisecond
)

// tail is the end of the log, as far as it was read lately. The destinations of a process that are
// there share it, so that each notification is read once. Those that are behind read for themselves.
type tail struct {
	log *store.NotificationLog

	filling sync.Mutex // is held during a read of the log
	reader  *store.LogReader
	looked  time.Time // when the last read began

	mu     sync.Mutex
	life   int // counts the readers
	ready  bool
	rows   []*store.Notification
	bytes  int
	begin  int64 // all notifications after this id
	end    int64 // up to this one are in rows
	more   bool  // there are some after that, as of the last read
	begun  int   // counts the reads of the log that have begun
	filled int   // is the number of the last read that has ended
}

func newTail(log *store.NotificationLog) *tail { return &tail{log: log} }

// join returns the present life of the tail. A cursor must be read after that.
func (t *tail) join(ctx context.Context) (life int, err error) {
	t.filling.Lock()
	defer t.filling.Unlock()
	t.mu.Lock()
	life, ready := t.life, t.ready
	t.mu.Unlock()
	if ready {
		return life, nil
	}
	if t.reader, err = t.log.Reader(ctx); err != nil {
		return 0, err
	}
	end, err := t.reader.End(ctx)
	if err != nil {
		return 0, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.life++
	t.ready = true
	t.moveLocked(end)
	return t.life, nil
}

func (t *tail) moveLocked(end int64) {
	t.rows, t.bytes, t.begin, t.end, t.more = nil, 0, end, end, false
}

// reached makes the tail begin at an id that is the end of the log, if it is further than the tail.
func (t *tail) reached(life int, id int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if life == t.life && id > t.end {
		t.moveLocked(id)
	}
}

// after returns the notifications after an id, at most limit. It returns ok false for an id that the
// tail does not reach. It reads the log only if nothing after the id is known.
func (t *tail) after(ctx context.Context, life int, id int64, limit int) (p part, ok bool, err error) {
	t.mu.Lock()
	seen := t.begun
	t.mu.Unlock()
	if p, ok, err = t.known(life, id, limit); err != nil || !ok || p.next > id {
		return p, ok, err
	}
	t.filling.Lock()
	defer t.filling.Unlock()
	t.mu.Lock()
	fresh := t.filled > seen // a read that began after this call has ended
	t.mu.Unlock()
	if !fresh {
		if err := wait(ctx, time.Until(t.looked.Add(lookInterval))); err != nil {
			return part{}, false, err
		}
		t.looked = time.Now()
		if err := t.fill(ctx, life); err != nil {
			return part{}, false, err
		}
	}
	return t.known(life, id, limit)
}

// wait waits, if the time is positive.
func wait(ctx context.Context, duration time.Duration) error {
	if duration <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// part is a part of the log.
type part struct {
	rows []*store.Notification
	next int64 // the cursor after it
	more bool  // is true if more can be read at once
}

// known returns what is in the tail after an id.
func (t *tail) known(life int, id int64, limit int) (p part, ok bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case life != t.life || !t.ready:
		return p, false, store.ErrLogRestarted
	case id < t.begin || id > t.end:
		return p, false, nil
	}
	first, _ := slices.BinarySearchFunc(t.rows, id+1, func(n *store.Notification, id int64) int {
		return int(min(max(n.ID-id, -1), 1))
	})
	last := min(first+limit, len(t.rows))
	p = part{rows: t.rows[first:last:last], next: t.end, more: t.more}
	if last < len(t.rows) {
		p.next, p.more = t.rows[last-1].ID, true
	}
	return p, true, nil
}

// fill reads on.
func (t *tail) fill(ctx context.Context, life int) error {
	t.mu.Lock()
	t.begun++
	number, end := t.begun, t.end
	current := life == t.life && t.ready
	t.mu.Unlock()
	if !current {
		return store.ErrLogRestarted
	}
	page, err := t.reader.Read(ctx, end, readAhead)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		if errors.Is(err, store.ErrLogRestarted) {
			t.ready = false
		}
		return err
	}
	t.filled = number
	if end != t.end {
		return nil // another has reached the end of the log before
	}
	t.end, t.more = page.Next, page.More
	for i := range page.Notifications {
		t.rows = append(t.rows, &page.Notifications[i])
		t.bytes += sizeOf(&page.Notifications[i])
	}
	t.dropLocked()
	return nil
}

// dropLocked drops the oldest rows beyond the bounds. The array is not changed, as others read it.
func (t *tail) dropLocked() {
	drop := 0
	for len(t.rows)-drop > maxTailRows || t.bytes > maxTailBytes && drop < len(t.rows)-1 {
		t.bytes -= sizeOf(t.rows[drop])
		t.begin = t.rows[drop].ID
		drop++
	}
	t.rows = t.rows[drop:]
}

func sizeOf(n *store.Notification) int { return rowBytes + len(n.Fields) }
