package simulate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"ackbox/soap"
)

// DeletedForm is how a notification looks whose record was deleted before it could be sent: it "contains no data"
// (help, Considerations for Outbound Messages). Not documented is what that means in XML.
type DeletedForm int

// The forms of a notification of a deleted record.
const (
	// DeletedAbsent has no sObject.
	DeletedAbsent DeletedForm = iota
	// DeletedEmpty has an sObject with nothing in it.
	DeletedEmpty
	// DeletedID has an sObject with the Id only.
	DeletedID
)

// Range is how many, both bounds included.
type Range struct{ Min, Max int }

// SenderOptions say what a [Sender] sends and what goes wrong on the way. The zero value sends messages of one
// notification, one after the other, each tried once, until its context ends. Probabilities are between 0 and 1.
type SenderOptions struct {
	// Count is how many messages are made, 0 for any number.
	Count int
	// For is how long messages are made, by the Clock, 0 for any time. What waits then is still delivered.
	For time.Duration
	// Concurrency is how many messages are on their way at once, 1 when 0.
	Concurrency int
	// Notifications is how many notifications a message has, 1 when zero.
	Notifications Range
	// Rate is how many messages come into the queue in a second of the Clock; 0 for as fast as they are taken.
	Rate float64
	// Burst is how many messages come at once, at the same mean Rate; without a Rate it means nothing.
	Burst int
	// Bodies are posted as they are, one after the other and from the start again, instead of a generator's messages.
	// One that cannot be decoded counts as one notification without an id. Rebatch, NewerData and Deleted do not
	// apply.
	Bodies [][]byte

	// Disorder is how likely a message is overtaken by later ones, and the notifications in it lie out of order.
	Disorder float64
	// LostAck is how likely the Ack of a message's first delivery is lost: it is delivered again, with or without
	// Retry.
	LostAck float64
	// Rebatch is how likely a message that is delivered again is put together anew: mixed with others that are due
	// and cut elsewhere. Not documented is whether Salesforce does; that it may batch is.
	Rebatch float64
	// NewerData is how likely each record has changed when it is delivered again; its notification keeps its id.
	NewerData float64
	// Deleted is how likely each record is gone when it is delivered, the first time or again.
	Deleted float64
	// DeletedForm is how such a notification looks.
	DeletedForm DeletedForm

	// Retry is when messages without an Ack are tried again; the zero Curve tries once. [DefaultCurve] is Salesforce's.
	Retry Curve
	// MaxRetrying is how many notifications may wait for their next try before no new ones are made, 20,000 when 0: it
	// bounds the memory when nobody answers.
	MaxRetrying int
	// Clock is the real time when nil.
	Clock *Clock

	// OnAck gets the notifications of a delivery as they were sent, once its Ack was read. It is called by one
	// goroutine at a time, as are the others.
	OnAck func([]Notification)
	// OnFailure gets those of a delivery without an Ack. A listener may have stored them all the same.
	OnFailure func([]Notification, *Failure)
	// OnDrop gets those that are given up: at the end of the retry curve, or after the one try.
	OnDrop func([]Notification)
}

// Sender delivers messages as Salesforce does: several at once, at least once each, in no certain order. It keeps only
// messages that are under way or wait for their next try, so it can send millions.
type Sender struct {
	client    *Client
	queue     *queue
	options   SenderOptions
	callbacks sync.Mutex
}

// NewSender makes a Sender of a generator's messages, which nobody else may use meanwhile. The generator may be nil
// when there are Bodies.
func NewSender(client *Client, generator *Generator, o SenderOptions) (*Sender, error) {
	if generator == nil && len(o.Bodies) == 0 {
		return nil, errors.New("there is nothing to send, give a generator or bodies")
	}
	if o.Notifications == (Range{}) {
		o.Notifications = Range{1, 1}
	}
	if r := o.Notifications; r.Min < 1 || r.Max < r.Min || r.Max > soap.MaxNotifications {
		return nil, fmt.Errorf("a message has 1 to %d notifications, not %d to %d", soap.MaxNotifications, r.Min, r.Max)
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

// Run sends until there is nothing left to send and nothing to try again, or until the context ends, which is the error
// and interrupts what is under way. A Sender runs once.
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

// Stats gives the numbers of now; it may be called at any time by anyone.
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

// report calls whoever wants to know.
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
