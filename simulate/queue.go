package simulate

import (
	"container/heap"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"ackbox/soap"
)

// queue holds the messages that are not yet acked, as Salesforce does. A new message is created
// only when it is taken, so memory holds only those that were tried.
type queue struct {
	options  *SenderOptions
	source   source
	template Message
	random   *rand.Rand // for what goes wrong; the generator has its own

	mutex    sync.Mutex
	changed  chan struct{} // closed and replaced whenever a message may have become available
	started  time.Time     // in real time
	start    time.Time     // by the Clock
	retries  dueBatches
	waiting  int      // notifications in retries
	held     []*batch // new ones that later ones overtake
	made     int
	inFlight int
	counters Stats
	failures failureCounts
	latency  histogram
}

// batch is a message in the queue.
type batch struct {
	items []item
	raw   []byte // the body, if it came from a file
	tries int
	lost  bool // an Ack was lost
	due   time.Time
}

// item is a notification in the queue.
type item struct {
	Notification
	record  *savedRecord // nil if it came from a file or was deleted
	created time.Time
}

// sent returns the notifications as they are in the message.
func (b *batch) sent() []Notification {
	notifications := make([]Notification, len(b.items))
	for i := range b.items {
		notifications[i] = b.items[i].Notification
	}
	return notifications
}

// outcome is the result of a delivery.
type outcome struct {
	sent    []Notification
	failure *Failure
	dropped []Notification
}

func newQueue(g *Generator, o *SenderOptions) *queue {
	q := &queue{options: o, changed: make(chan struct{})}
	q.counters.Reasons, q.failures = map[string]int64{}, failureCounts{}
	if len(o.Bodies) > 0 {
		q.source = newBodies(o.Bodies)
		q.random = newRandom(randomSeed(), 2)
		return q
	}
	q.template = g.Definition()
	q.source = &generated{generator: g, options: o}
	q.random = newRandom(g.options.Seed, 2)
	return q
}

func (q *queue) begin() {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.started, q.start = time.Now(), q.options.Clock.Now()
}

// message returns the message of a batch.
func (q *queue) message(b *batch) *Message {
	m := q.template
	m.Notifications = b.sent()
	return &m
}

// next waits for a message that is due. ok is false if there will be none.
func (q *queue) next(ctx context.Context) (b *batch, ok bool) {
	for ctx.Err() == nil {
		b, wait, changed := q.take()
		if b != nil {
			return b, true
		}
		if wait < 0 || q.options.Clock.wait(ctx, wait, changed) != nil {
			break
		}
	}
	return nil, false
}

// take returns a message that is due. If there is none, it returns how long to wait for one and a
// channel that is closed on an earlier change; the time is negative if there will be none.
func (q *queue) take() (*batch, time.Duration, <-chan struct{}) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	now := q.options.Clock.Now()
	b := q.takeRetry(now)
	if b == nil {
		b = q.takeNew(now)
	}
	if b != nil {
		q.inFlight++
		return b, 0, nil
	}
	if q.done(now) {
		return nil, -1, nil
	}
	return nil, q.pause(now), q.changed
}

// pause returns how long it takes until the next retry or the next new message is due.
func (q *queue) pause(now time.Time) time.Duration {
	pause := forever
	if len(q.retries) > 0 {
		pause = q.retries[0].due.Sub(now)
	}
	if q.exists(q.made, now) && q.hasRoom() {
		pause = min(pause, q.arrival(q.made)-now.Sub(q.start))
	}
	return max(pause, 0)
}

func (q *queue) done(now time.Time) bool {
	return q.inFlight == 0 && len(q.retries) == 0 && len(q.held) == 0 && !q.exists(q.made, now)
}

func (q *queue) finished() bool {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return q.done(q.options.Clock.Now())
}

// takeRetry returns a message whose next try is due, with its records as they are now; otherwise
// nil.
func (q *queue) takeRetry(now time.Time) *batch {
	if len(q.retries) == 0 || q.retries[0].due.After(now) {
		return nil
	}
	b := q.pop()
	q.counters.Retried++
	if b.raw != nil {
		return b
	}
	if q.chance(q.options.Rebatch) {
		q.rebatch(b, now)
	}
	for i := range b.items {
		if b.items[i].record != nil {
			q.source.redeliver(q, &b.items[i])
		}
	}
	return b
}

// rebatch merges a message with others that are due, shuffles the notifications, and splits them at
// a random point.
func (q *queue) rebatch(b *batch, now time.Time) {
	for len(q.retries) > 0 && !q.retries[0].due.After(now) &&
		len(b.items)+len(q.retries[0].items) <= soap.MaxNotifications {
		other := q.pop()
		b.items = append(b.items, other.items...)
		b.tries = max(b.tries, other.tries)
		b.lost = b.lost || other.lost
	}
	if len(b.items) < 2 {
		return
	}
	q.random.Shuffle(len(b.items), func(i, j int) { b.items[i], b.items[j] = b.items[j], b.items[i] })
	cut := 1 + q.random.IntN(len(b.items)-1)
	q.push(&batch{items: b.items[cut:], tries: b.tries, lost: b.lost, due: now})
	b.items = b.items[:cut:cut]
}

func (q *queue) push(b *batch) {
	q.waiting += len(b.items)
	heap.Push(&q.retries, b)
}

func (q *queue) pop() *batch {
	b := heap.Pop(&q.retries).(*batch)
	q.waiting -= len(b.items)
	return b
}

// settle records the result of a delivery.
func (q *queue) settle(b *batch, err error, took time.Duration) outcome {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	o := outcome{sent: b.sent()}
	q.inFlight--
	q.counters.Posts++
	q.latency.add(took)
	switch {
	case err != nil:
		if !errors.As(err, &o.failure) {
			o.failure = &Failure{Reason: ReasonConnection, Detail: err.Error(), Err: err}
		}
	case b.tries == 0 && !b.lost && q.chance(q.options.LostAck):
		o.failure = &Failure{Reason: ReasonLostAck,
			Detail: "as requested; the message is delivered again", Status: 200}
		b.lost = true
	}
	if o.failure == nil {
		q.counters.Acked += int64(len(b.items))
	} else {
		q.counters.Reasons[o.failure.Reason]++
		q.failures.add(o.failure)
		o.dropped = q.retry(b, o.failure)
	}
	q.wake()
	return o
}

// retry queues a message for its next try, and returns the notifications that will have none.
func (q *queue) retry(b *batch, why *Failure) (dropped []Notification) {
	now, curve := q.options.Clock.Now(), q.options.Retry
	b.tries++
	switch {
	case curve.DropAfter > 0:
		b.due = now.Add(curve.interval(b.tries))
		dropped = b.drop(curve.DropAfter)
		q.counters.Dropped += int64(len(dropped))
	case why.Reason == ReasonLostAck:
		b.due = now
	default:
		q.counters.Failed += int64(len(b.items))
		return b.sent()
	}
	if len(b.items) > 0 {
		q.push(b)
	}
	return dropped
}

// drop removes and returns the notifications that will be too old when the message is due.
func (b *batch) drop(after time.Duration) (dropped []Notification) {
	kept := b.items[:0:0]
	for _, i := range b.items {
		if b.due.Sub(i.created) >= after {
			dropped = append(dropped, i.Notification)
		} else {
			kept = append(kept, i)
		}
	}
	b.items = kept
	return dropped
}

// putBack queues a message whose delivery was interrupted.
func (q *queue) putBack(b *batch) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.inFlight--
	b.due = q.options.Clock.Now()
	q.push(b)
	q.wake()
}

func (q *queue) wake() {
	close(q.changed)
	q.changed = make(chan struct{})
}

func (q *queue) chance(of float64) bool { return of > 0 && q.random.Float64() < of }

func (q *queue) stats() Stats {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	s := q.counters
	s.Reasons = make(map[string]int64, len(q.counters.Reasons))
	for reason, count := range q.counters.Reasons {
		s.Reasons[reason] = count
	}
	s.Failures = q.failures.list()
	s.InFlight = int64(q.inFlight)
	s.Queued = int64(len(q.retries) + len(q.held) + q.pending())
	s.P50, s.P99, s.P999 = q.latency.quantile(0.5), q.latency.quantile(0.99), q.latency.quantile(0.999)
	if !q.started.IsZero() {
		s.Elapsed = time.Since(q.started)
	}
	if s.Elapsed > 0 {
		s.Rate = float64(s.Acked) / s.Elapsed.Seconds()
	}
	return s
}

// dueBatches is a container/heap of the messages to retry, the one that is due first on top.
type dueBatches []*batch

func (d dueBatches) Len() int           { return len(d) }
func (d dueBatches) Less(i, j int) bool { return d[i].due.Before(d[j].due) }
func (d dueBatches) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *dueBatches) Push(b any)        { *d = append(*d, b.(*batch)) }
func (d *dueBatches) Pop() any {
	last := len(*d) - 1
	b := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	return b
}
