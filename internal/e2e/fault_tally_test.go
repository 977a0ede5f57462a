package e2e_test

import (
	"context"
	"crypto/sha256"
	"sync"
	"testing"

	"ackbox/simulate"
)

// tally counts what a simulated Salesforce sends while something goes wrong, and what became of it.
type tally struct {
	tb         testing.TB
	mu         sync.Mutex
	acked      map[content]bool
	ackedIDs   map[string]bool
	sent       int // notifications made
	refused    int // deliveries that were answered by a Fault
	unanswered int // deliveries without an answer
	stop       func()
}

// content is what one notification said at one time.
type content [sha256.Size]byte

func contentOf(id, text string) content { return sha256.Sum256([]byte(id + "\n" + text)) }

// troubles is what goes wrong at Salesforce anyway: Acks that are lost, batches that are put together anew.
var troubles = simulate.SenderOptions{Retry: retry, LostAck: .02, Rebatch: .5, Disorder: .1, NewerData: .1}

func newTally(tb testing.TB) *tally {
	return &tally{tb: tb, acked: map[content]bool{}, ackedIDs: map[string]bool{}}
}

// storm starts to post to the source crm, until the tally is stopped.
func (s *server) storm(o simulate.SenderOptions) *tally {
	s.tb.Helper()
	t := newTally(s.tb)
	t.sendTo(s.url("crm"), o)
	return t
}

// sendTo adds a sender to the tally; stop then stops it as well.
func (t *tally) sendTo(url string, o simulate.SenderOptions) {
	t.tb.Helper()
	client, err := simulate.NewClient(url, simulate.ClientOptions{Connections: 16})
	if err != nil {
		t.tb.Fatal(err)
	}
	o.Concurrency = 16
	if o.Notifications == (simulate.Range{}) {
		o.Notifications = simulate.Range{Min: 1, Max: 5}
	}
	o.OnAck, o.OnFailure = t.onAck, t.onFailure
	sender, err := simulate.NewSender(client, generator(t.tb, 0), o)
	if err != nil {
		t.tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done, others := make(chan struct{}), t.stop
	go func() {
		defer close(done)
		stats, _ := sender.Run(ctx) // it says that it was stopped
		t.mu.Lock()
		defer t.mu.Unlock()
		t.sent += int(stats.Notifications)
	}()
	t.stop = func() {
		cancel()
		<-done
		client.Close()
		if others != nil {
			others()
		}
	}
	t.tb.Cleanup(t.stop)
}

func (t *tally) onAck(sent []simulate.Notification) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range sent {
		t.acked[contentOf(n.ID, contentSent(n))] = true
		t.ackedIDs[n.ID] = true
	}
}

func (t *tally) onFailure(_ []simulate.Notification, f *simulate.Failure) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case f.Reason == simulate.ReasonLostAck:
	case f.Status != 0:
		t.refused++
	default:
		t.unanswered++
	}
}

func (t *tally) read(number func() int) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return number()
}

// more waits until some more notifications are acked.
func (t *tally) more(n int) {
	t.tb.Helper()
	t.grows("more is acked", func() int { return len(t.ackedIDs) }, n)
}

// refusing waits until some more messages are refused.
func (t *tally) refusing(n int) {
	t.tb.Helper()
	t.grows("messages are refused", func() int { return t.refused }, n)
}

func (t *tally) grows(what string, number func() int, by int) {
	t.tb.Helper()
	want := t.read(number) + by
	eventually(t.tb, 2*patience, what, func() bool { return t.read(number) >= want })
}

// settle holds what was acked against what is stored, and adds a line to the table.
func (t *tally) settle(fault, database string, stored []line) {
	t.tb.Helper()
	found, twice := map[content]bool{}, 0
	for _, l := range stored {
		key := contentOf(l.NotificationID, contentStored(t.tb, l))
		if found[key] {
			twice++
		}
		found[key] = true
	}
	lost := 0
	for key := range t.acked {
		if !found[key] {
			lost++
		}
	}
	report(t.tb, outcome{
		fault: fault, database: database, sent: t.sent, acked: len(t.ackedIDs), stored: len(stored),
		lost: lost, twice: twice, refused: t.refused, unanswered: t.unanswered,
	})
	if lost > 0 || twice > 0 || len(t.acked) == 0 {
		t.tb.Errorf("%d of %d acked contents are lost, %d are stored twice", lost, len(t.acked), twice)
	}
}
