package e2e_test

import (
	"context"
	"crypto/sha256"
	"sync"
	"testing"

	"ackbox/simulate"
)

// faultLoad is a simulated Salesforce that posts while a fault happens. It counts what was sent and
// what became of it.
type faultLoad struct {
	tb         testing.TB
	mu         sync.Mutex
	acked      map[content]bool
	ackedIDs   map[string]bool
	sent       int // notifications made
	refused    int // deliveries answered by a Fault
	unanswered int // deliveries without an answer
	stop       func()
}

// content is a digest of one notification as it was at one time.
type content [sha256.Size]byte

func contentOf(id, text string) content { return sha256.Sum256([]byte(id + "\n" + text)) }

// unreliableSender is a Salesforce that loses Acks, makes new batches, changes the order and sends
// newer data.
var unreliableSender = simulate.SenderOptions{
	Retry: retry, LostAck: .02, Rebatch: .5, Disorder: .1, NewerData: .1,
}

func newFaultLoad(tb testing.TB) *faultLoad {
	return &faultLoad{tb: tb, acked: map[content]bool{}, ackedIDs: map[string]bool{}}
}

// startLoad starts to post to the source crm, until the load is stopped.
func (s *server) startLoad(o simulate.SenderOptions) *faultLoad {
	s.tb.Helper()
	l := newFaultLoad(s.tb)
	l.sendTo(s.url("crm"), o)
	return l
}

// sendTo adds a sender to the load. It is stopped with the others.
func (l *faultLoad) sendTo(url string, o simulate.SenderOptions) {
	l.tb.Helper()
	client, err := simulate.NewClient(url, simulate.ClientOptions{Connections: 16})
	if err != nil {
		l.tb.Fatal(err)
	}
	o.Concurrency = 16
	if o.Notifications == (simulate.Range{}) {
		o.Notifications = simulate.Range{Min: 1, Max: 5}
	}
	if observe := o.OnAck; observe != nil {
		o.OnAck = func(sent []simulate.Notification) {
			l.onAck(sent)
			observe(sent)
		}
	} else {
		o.OnAck = l.onAck
	}
	o.OnFailure = l.onFailure
	sender, err := simulate.NewSender(client, generator(l.tb, 0), o)
	if err != nil {
		l.tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done, others := make(chan struct{}), l.stop
	go func() {
		defer close(done)
		stats, _ := sender.Run(ctx) // the error is that it was stopped
		l.mu.Lock()
		defer l.mu.Unlock()
		l.sent += int(stats.Notifications)
	}()
	l.stop = func() {
		cancel()
		<-done
		client.Close()
		if others != nil {
			others()
		}
	}
	l.tb.Cleanup(l.stop)
}

func (l *faultLoad) onAck(sent []simulate.Notification) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range sent {
		l.acked[contentOf(n.ID, contentSent(n))] = true
		l.ackedIDs[n.ID] = true
	}
}

func (l *faultLoad) onFailure(_ []simulate.Notification, f *simulate.Failure) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case f.Reason == simulate.ReasonLostAck:
	case f.Status != 0:
		l.refused++
	default:
		l.unanswered++
	}
}

func (l *faultLoad) read(number func() int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return number()
}

// awaitAcks waits until n more notifications are acked.
func (l *faultLoad) awaitAcks(n int) {
	l.tb.Helper()
	l.await("more is acked", func() int { return len(l.ackedIDs) }, n)
}

// awaitRefusals waits until n more messages are refused.
func (l *faultLoad) awaitRefusals(n int) {
	l.tb.Helper()
	l.await("messages are refused", func() int { return l.refused }, n)
}

// await waits until a number has grown.
func (l *faultLoad) await(what string, number func() int, by int) {
	l.tb.Helper()
	want := l.read(number) + by
	eventually(l.tb, 2*testTimeout, what, func() bool { return l.read(number) >= want })
}

// checkStored compares what was acked with what is stored, and adds a line to the table of
// outcomes.
func (l *faultLoad) checkStored(fault, database string, stored []line) {
	l.tb.Helper()
	l.checkNoted(fault, database, stored, "")
}

// checkNoted does the same, with a note in the line.
func (l *faultLoad) checkNoted(fault, database string, stored []line, note string) {
	l.tb.Helper()
	found, twice := map[content]bool{}, 0
	for _, n := range stored {
		key := contentOf(n.NotificationID, contentStored(l.tb, n))
		if found[key] {
			twice++
		}
		found[key] = true
	}
	lost := 0
	for key := range l.acked {
		if !found[key] {
			lost++
		}
	}
	report(l.tb, outcome{
		fault: fault, database: database, sent: l.sent, acked: len(l.ackedIDs), stored: len(stored),
		lost: lost, twice: twice, refused: l.refused, unanswered: l.unanswered,
		note: note,
	})
	if lost > 0 || twice > 0 || len(l.acked) == 0 {
		l.tb.Errorf("%d of %d acked contents are lost, %d are stored twice", lost, len(l.acked), twice)
	}
}
