package store

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// queue holds the batches that are being saved, and runs the committers: goroutines that commit all
// waiting batches, group after group. A committer exists only while there is something to commit.
// No batch is delayed to make a group larger: groups grow by what arrives while others commit.
type queue struct {
	// commit saves the batches of a group, answers each of them, and returns the error of an
	// outage.
	commit     func(ctx context.Context, batches []*pending) (outage error)
	committers int
	maxPending int
	maxBytes   int64

	ctx  context.Context // parent of all transactions; canceled when closing takes too long
	stop context.CancelFunc

	mu      sync.Mutex
	closed  bool
	waiting []*pending // in order of arrival
	pending int        // number of batches that are waiting or being committed
	bytes   int64      // size of the pending batches
	running sync.WaitGroup
	working int      // number of committers
	taken   []*group // being committed
}

// pending is a batch that is being saved.
type pending struct {
	rows  []row
	join  Join // nil for most
	bytes int64
	// outcome has a buffer of one, so that a committer does not wait for a caller that has left.
	outcome  chan outcome
	queue    *queue // nil until the batch is in it
	group    *group // nil while the batch waits
	answered bool
}

type outcome struct {
	saved Saved
	err   error
}

// answer tells the caller what became of the batch, once: a second answer is dropped. The batch
// leaves the queue before that, so that whoever has the answer finds its room free.
func (p *pending) answer(saved Saved, err error) {
	p.queue.mu.Lock()
	defer p.queue.mu.Unlock()
	p.answerLocked(saved, err)
}

func (p *pending) answerLocked(saved Saved, err error) {
	if p.answered {
		return
	}
	p.answered = true
	p.rows = nil // the group still holds the batch
	p.queue.removeLocked(p)
	p.outcome <- outcome{saved, err}
}

// group is the batches that one committer has taken.
type group struct {
	batches []*pending
	since   time.Time // when it was taken
	callers int       // how many still wait for the outcome
	ctx     context.Context
	cancel  context.CancelFunc
}

// The bounds of a group keep one transaction from delaying the others for long, and limit the
// memory that it takes on its way to the database. A batch that is larger is a group by itself.
const (
	maxGroupRows  = 10_000
	maxGroupBytes = 16 << 20
)

func newQueue(committers int, o options, commit func(context.Context, []*pending) error) *queue {
	q := &queue{
		commit: commit, committers: committers, maxPending: o.queueBatches, maxBytes: o.queueBytes,
	}
	q.ctx, q.stop = context.WithCancel(context.Background())
	return q
}

// rowOverhead is about how many bytes a notification takes besides its texts.
const rowOverhead = 300

func newPending(rows []row, join Join) *pending {
	p := &pending{rows: rows, join: join, outcome: make(chan outcome, 1)}
	for i := range rows {
		p.bytes += rows[i].size()
	}
	return p
}

// size returns about how many bytes of memory the row takes, now or in the statement that inserts
// it, which has its own copy of each text.
func (r *row) size() int64 {
	size := rowOverhead + len(r.organization) + len(r.organizationSuffix) + len(r.actionID) +
		len(r.notificationID) + len(r.fields) + len(r.header)
	for _, text := range []*string{r.objectType, r.recordID, r.operation} {
		if text != nil {
			size += len(*text)
		}
	}
	return int64(size)
}

var errClosed = errors.New("closed")

// add puts a batch in the queue, or returns why it cannot.
func (q *queue) add(p *pending) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return errClosed
	case q.pending == 0: // accepted whatever its size
	case q.pending >= q.maxPending, q.bytes+p.bytes > q.maxBytes:
		return ErrOverloaded
	}
	p.queue = q
	q.waiting = append(q.waiting, p)
	q.pending++
	q.bytes += p.bytes
	if q.working < q.committers {
		q.working++
		q.running.Go(q.work)
	}
	return nil
}

// slowCommit is how long each running transaction must have taken for another one to begin. A disk
// that syncs fast is done by then, and what has come meanwhile is one group rather than two: that
// takes a third less of PostgreSQL's time, and of ours. A slow disk, a lock or a large group must not
// keep the others waiting.
const slowCommit = 2 * time.Millisecond

// work commits group after group until no batch is waiting.
func (q *queue) work() {
	for {
		g, wait := q.take()
		if g == nil {
			if wait == 0 {
				return
			}
			_ = pause(q.ctx, wait)
			continue
		}
		outage := q.commit(g.ctx, g.batches)
		abandoned := g.ctx.Err() != nil // by its callers
		g.cancel()
		q.done(g)
		if errors.Is(outage, errNotBegun) && !abandoned {
			// The waiting batches would not get a transaction either. Refuse them now, not one
			// group after the other.
			q.refuse(outage)
		}
	}
}

// take returns the next group for a committer, or nil and how long to wait before asking again. If
// that is 0, no batch is waiting: the committer then ends.
func (q *queue) take() (*group, time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.working--
		return nil, 0
	}
	now := time.Now()
	if n := len(q.taken); n > 0 {
		if wait := slowCommit - now.Sub(q.taken[n-1].since); wait > 0 {
			return nil, wait
		}
	}
	n := groupLength(q.waiting)
	g := &group{batches: slices.Clone(q.waiting[:n]), since: now, callers: n}
	g.ctx, g.cancel = context.WithCancel(q.ctx)
	for _, p := range g.batches {
		p.group = g
	}
	q.waiting = slices.Delete(q.waiting, 0, n)
	q.taken = append(q.taken, g) // the last one is the latest
	return g, 0
}

// done is called when a group was committed.
func (q *queue) done(g *group) {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.taken, g)
	q.taken = slices.Delete(q.taken, i, i+1)
}

// groupLength returns how many of the waiting batches form the next group, at least 1. A batch with
// a join is a group of its own: if the join fails, no other batch is affected.
func groupLength(waiting []*pending) int {
	n, rows, bytes := 0, 0, int64(0)
	for _, p := range waiting {
		rows, bytes = rows+len(p.rows), bytes+p.bytes
		if n > 0 && (p.join != nil || rows > maxGroupRows || bytes > maxGroupBytes) {
			break
		}
		n++
		if p.join != nil {
			break
		}
	}
	return n
}

// removeLocked makes a batch's room free for others.
func (q *queue) removeLocked(p *pending) {
	q.pending--
	q.bytes -= p.bytes
}

// leave is called when a caller no longer waits. A waiting batch is dropped; a transaction goes on
// as long as any of its callers waits.
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
		q.removeLocked(p)
	}
}

// refuse answers all waiting batches with an error.
func (q *queue) refuse(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.refuseLocked(err)
}

func (q *queue) refuseLocked(err error) {
	for _, p := range q.waiting {
		p.answerLocked(Saved{}, err)
	}
	clear(q.waiting)
	q.waiting = q.waiting[:0]
}

// closeTimeout is how long close waits for running transactions.
const closeTimeout = 3 * time.Second

// close refuses all batches that are waiting or arrive later, and returns when all committers have
// finished their groups.
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
