package simulate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"ackbox/soap"
)

// DeletedForm is the form of a notification whose record was deleted before it could be sent: it
// "contains no data" (help, Considerations for Outbound Messages). Not documented: what that means
// in XML.
type DeletedForm int

// The forms of a notification of a deleted record.
const (
	// DeletedAbsent has no sObject.
	DeletedAbsent DeletedForm = iota
	// DeletedEmpty has an empty sObject.
	DeletedEmpty
	// DeletedID has an sObject with only the Id.
	DeletedID
)

// Range is a range of numbers, both bounds included.
type Range struct{ Min, Max int }

// SenderOptions holds what a [Sender] sends and what goes wrong on the way. The zero value sends
// messages of one notification, one at a time, each once, until the context ends. Probabilities are
// 0 to 1.
type SenderOptions struct {
	// Count is how many messages are created; 0 for no limit.
	Count int
	// For is how long messages are created, by the Clock; 0 for no limit. Those that wait then are
	// still delivered.
	For time.Duration
	// Concurrency is how many messages are delivered concurrently, 1 when 0.
	Concurrency int
	// Notifications is how many notifications a message has; 1 for the zero Range.
	Notifications Range
	// Rate is how many messages per second of the Clock are created; 0 for as many as are
	// delivered.
	Rate float64
	// Burst is how many messages are created at once, at the same mean Rate. It has no effect
	// without a Rate.
	Burst int
	// Bodies are posted unchanged instead of a generator's messages, in this order and then from
	// the start again. One that cannot be decoded counts as one notification without an id.
	// Rebatch, NewerData and Deleted do not apply.
	Bodies [][]byte

	// Disorder is the probability that later messages overtake a message, and that its
	// notifications are shuffled.
	Disorder float64
	// LostAck is the probability that the Ack of a message's first delivery is lost. The message is
	// then delivered again, with or without Retry.
	LostAck float64
	// Rebatch is the probability that a message that is delivered again is merged with others that
	// are due and split elsewhere. Not documented: whether Salesforce does that; only that it may
	// batch notifications.
	Rebatch float64
	// NewerData is the probability that a record has changed when it is delivered again. Its
	// notification keeps its id.
	NewerData float64
	// Deleted is the probability that a record is deleted before a delivery, be it the first or a
	// later one.
	Deleted float64
	// DeletedForm is the form of the notification of a deleted record.
	DeletedForm DeletedForm

	// Retry is when messages without an Ack are retried; never with the zero Curve. [DefaultCurve]
	// is Salesforce's.
	Retry Curve
	// MaxRetrying bounds memory when the listener does not ack: while that many notifications or
	// more wait for their next try, no new ones are created. 20,000 when 0.
	MaxRetrying int
	// Clock determines the time of all but the deliveries; nil for real time.
	Clock *Clock

	// OnAck, if not nil, is called with the notifications of a delivery, as sent, after its Ack was
	// read. OnAck, OnFailure and OnDrop are never called concurrently.
	OnAck func([]Notification)
	// OnFailure, if not nil, is called with those of a delivery without an Ack. The listener may
	// have stored them nevertheless.
	OnFailure func([]Notification, *Failure)
	// OnDrop, if not nil, is called with those that are not delivered again: at the end of the
	// retry curve, or after the only try.
	OnDrop func([]Notification)
}

// Sender delivers messages as Salesforce does: concurrently, at least once, in no guaranteed order.
// It keeps in memory only the messages that are being delivered or wait for their next try, so it
// can send millions.
type Sender struct {
	client    *Client
	queue     *queue
	options   SenderOptions
	callbacks sync.Mutex
}

// NewSender returns a Sender of a generator's messages. Until Run returns, only the Sender may use
// the generator. It may be nil if there are Bodies.
func NewSender(client *Client, generator *Generator, o SenderOptions) (*Sender, error) {
	if generator == nil && len(o.Bodies) == 0 {
		return nil, errors.New("there is nothing to send; give a generator or bodies")
	}
	if o.Notifications == (Range{}) {
		o.Notifications = Range{1, 1}
	}
	if r := o.Notifications; r.Min < 1 || r.Max < r.Min || r.Max > soap.MaxNotifications {
		return nil, fmt.Errorf("a message has 1 to %d notifications, not %d to %d", soap.MaxNotifications,
			r.Min, r.Max)
	}
	if o.Count < 0 || o.For < 0 || o.Concurrency < 0 || o.Burst < 0 || !(o.Rate >= 0) {
		return nil, errors.New("count, time, concurrency, rate and burst must not be negative")
	}
	for _, p := range []float64{o.Disorder, o.LostAck, o.Rebatch, o.NewerData, o.Deleted} {
		if !(p >= 0 && p <= 1) {
			return nil, fmt.Errorf("a probability must be between 0 and 1, not %g", p)
		}
	}
	o.Concurrency, o.Burst = max(o.Concurrency, 1), max(o.Burst, 1)
	if o.MaxRetrying <= 0 {
		o.MaxRetrying = 20_000
	}
	if o.Clock == nil {
		o.Clock = NewClock(1)
	}
	o.Retry = o.Retry.withDefaults()
	return &Sender{client: client, queue: newQueue(generator, &o), options: o}, nil
}

// Run sends until no message is left to send or to retry. If the context ends first, Run interrupts
// the deliveries and returns the context's cause. It must be called only once.
func (s *Sender) Run(ctx context.Context) (Stats, error) {
	s.queue.begin()
	var workers sync.WaitGroup
	for range s.options.Concurrency {
		workers.Go(func() { s.work(ctx) })
	}
	workers.Wait()
	s.client.Close()
	stats := s.Stats()
	if s.queue.finished() {
		return stats, nil
	}
	return stats, context.Cause(ctx)
}

// Stats returns the current numbers. It is safe for concurrent use.
func (s *Sender) Stats() Stats { return s.queue.stats() }

func (s *Sender) work(ctx context.Context) {
	var buffer []byte
	for {
		b, ok := s.queue.next(ctx)
		if !ok {
			return
		}
		p := &payload{bytes: b.raw}
		if b.raw == nil {
			p.bytes = s.queue.message(b).Append(buffer[:0])
		}
		started := time.Now()
		err := s.client.post(ctx, p)
		if err != nil && ctx.Err() != nil {
			s.queue.putBack(b)
			return
		}
		s.report(s.queue.settle(b, err, time.Since(started)))
		if b.raw == nil {
			buffer = p.buffer()
		}
	}
}

// report calls the callbacks.
func (s *Sender) report(o outcome) {
	s.callbacks.Lock()
	defer s.callbacks.Unlock()
	if o.failure == nil && s.options.OnAck != nil {
		s.options.OnAck(o.sent)
	}
	if o.failure != nil && s.options.OnFailure != nil {
		s.options.OnFailure(o.sent, o.failure)
	}
	if len(o.dropped) > 0 && s.options.OnDrop != nil {
		s.options.OnDrop(o.dropped)
	}
}
