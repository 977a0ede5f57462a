package store

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// queue holds the messages that are being saved, and hands all that wait to whichever committer is free. There is a
// committer, a goroutine, only while there is something to commit. Nobody is held up to make a group larger: groups
// grow by what comes in while others commit.
type queue struct {
	committers int
	maxPending int
	maxBytes   int64

	ctx  context.Context // of all transactions; ends when closing takes too long
	stop context.CancelFunc

	mu      sync.Mutex
	closed  bool
	waiting []*pending // in order of arrival
	pending int        // messages: those that wait, and those that are being committed
	bytes   int64      // theirs
	running sync.WaitGroup
	working int // committers
}

// pending is a message that is being saved.
type pending struct {
	rows  []row
	bytes int64
	// outcome has room for one, so that whoever commits does not wait for a caller who has left.
	outcome chan outcome
	group   *group // nil while it waits
}

type outcome struct {
	saved Saved
	err   error
}

func (p *pending) answer(saved Saved, err error) { p.outcome <- outcome{saved, err} }

// group is what one committer has taken.
type group struct {
	messages []*pending
	callers  int // how many still wait for the outcome
	ctx      context.Context
	cancel   context.CancelFunc
}

// A group is bounded so that one transaction does not hold up the others for long, and for the memory that it takes on
// its way to the database. A message that is larger makes a group by itself.
const (
	maxGroupRows  = 10_000
	maxGroupBytes = 16 << 20
)

func newQueue(committers int, o options) *queue {
	q := &queue{committers: committers, maxPending: o.queueMessages, maxBytes: o.queueBytes}
	q.ctx, q.stop = context.WithCancel(context.Background())
	return q
}

// rowOverhead is about what a notification takes beside its fields.
const rowOverhead = 300

func newPending(rows []row) *pending {
	p := &pending{rows: rows, outcome: make(chan outcome, 1)}
	for i := range rows {
		p.bytes += rowOverhead + int64(len(rows[i].fields))
	}
	return p
}

var errClosed = errors.New("closed")

// add takes a message in, or says why not. Work tells whether the caller is to start a committer for it.
func (q *queue) add(p *pending) (work bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return false, errClosed
	case q.pending == 0: // whatever its size, it gets its turn
	case q.pending >= q.maxPending, q.bytes+p.bytes > q.maxBytes:
		return false, ErrOverloaded
	}
	q.waiting = append(q.waiting, p)
	q.pending++
	q.bytes += p.bytes
	if q.working == q.committers {
		return false, nil
	}
	q.working++
	q.running.Add(1)
	return true, nil
}

// take gives a committer the next group. It is nil when nothing waits: the committer is done then.
func (q *queue) take() *group {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.working--
		q.running.Done()
		return nil
	}
	n, rows, bytes := 0, 0, int64(0)
	for _, p := range q.waiting {
		rows, bytes = rows+len(p.rows), bytes+p.bytes
		if n > 0 && (rows > maxGroupRows || bytes > maxGroupBytes) {
			break
		}
		n++
	}
	g := &group{messages: slices.Clone(q.waiting[:n]), callers: n}
	g.ctx, g.cancel = context.WithCancel(q.ctx)
	for _, p := range g.messages {
		p.group = g
	}
	q.waiting = slices.Delete(q.waiting, 0, n)
	return g
}

// release makes room for others once a group is through.
func (q *queue) release(g *group) {
	q.mu.Lock()
	defer q.mu.Unlock()
	g.cancel()
	for _, p := range g.messages {
		q.pending--
		q.bytes -= p.bytes
	}
}

// leave is for a caller who waits no longer. A message that waits is dropped; a transaction goes on as long as anyone
// waits for it.
func (q *queue) leave(p *pending) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if g := p.group; g != nil {
		if g.callers--; g.callers == 0 {
			g.cancel()
		}
		return
	}
	if i := slices.Index(q.waiting, p); i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
		q.pending--
		q.bytes -= p.bytes
	}
}

// refuse gives all that waits an error.
func (q *queue) refuse(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.refuseLocked(err)
}

func (q *queue) refuseLocked(err error) {
	for _, p := range q.waiting {
		p.answer(Saved{}, err)
		q.pending--
		q.bytes -= p.bytes
	}
	clear(q.waiting)
	q.waiting = q.waiting[:0]
}

// closeTimeout is how long closing waits for transactions.
const closeTimeout = 3 * time.Second

// close refuses all that waits or comes later, and returns when no committer is left: they finish what they have taken.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.refuseLocked(errClosed)
	q.mu.Unlock()
	timer := time.AfterFunc(closeTimeout, q.stop)
	defer timer.Stop()
	q.running.Wait()
	q.stop()
}
