package e2e_test

import (
	"bufio"
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"ackbox/simulate"
)

// load is a simulated Salesforce that posts to a source until it is stopped. It keeps the ids of
// what was acked.
type load struct {
	tb       testing.TB
	mu       sync.Mutex
	ids      []string
	failures []*simulate.Failure
	stop     func()
}

// retry is a curve of retries that come soon, and for longer than any test takes.
var retry = simulate.Curve{
	First: 50 * time.Millisecond, Max: 200 * time.Millisecond, DropAfter: time.Hour,
}

// startSending starts to post messages of 1 to 5 notifications over 16 connections.
func (s *server) startSending(
	source string, client simulate.ClientOptions, o simulate.SenderOptions,
) *load {
	s.tb.Helper()
	l := &load{tb: s.tb}
	client.Connections = 16
	c, err := simulate.NewClient(s.url(source), client)
	if err != nil {
		s.tb.Fatal(err)
	}
	o.Concurrency, o.Notifications = 16, simulate.Range{Min: 1, Max: 5}
	o.OnAck, o.OnFailure = l.acked, l.failed
	sender, err := simulate.NewSender(c, generator(s.tb, 0), o)
	if err != nil {
		s.tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = sender.Run(ctx) // the error is that it was stopped
	}()
	l.stop = func() {
		cancel()
		<-done
		c.Close()
	}
	s.tb.Cleanup(l.stop)
	return l
}

func (l *load) acked(notifications []simulate.Notification) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range notifications {
		l.ids = append(l.ids, n.ID)
	}
}

func (l *load) failed(_ []simulate.Notification, failure *simulate.Failure) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures = append(l.failures, failure)
}

// count returns how many notifications have been acked.
func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.ids)
}

// awaitAcks waits until n more notifications are acked.
func (l *load) awaitAcks(n int) {
	l.tb.Helper()
	want := l.count() + n
	eventually(l.tb, testTimeout, "more messages are acked", func() bool { return l.count() >= want })
}

// requireStoredOnce checks that all that was acked is stored, and that nothing is stored twice. It
// returns the ids that are stored.
func requireStoredOnce(tb testing.TB, ackedIDs []string, stored []line) map[string]bool {
	tb.Helper()
	found := map[string]bool{}
	var last int64
	for _, l := range stored {
		if found[l.NotificationID] || l.Revision != 1 {
			tb.Errorf("%s is stored twice", l.NotificationID)
		}
		if l.ID <= last {
			tb.Errorf("id %d comes after %d", l.ID, last)
		}
		found[l.NotificationID], last = true, l.ID
	}
	lost := 0
	for _, id := range ackedIDs {
		if !found[id] {
			lost++
		}
	}
	if lost > 0 || len(ackedIDs) == 0 {
		tb.Errorf("%d of %d acked notifications are lost", lost, len(ackedIDs))
	}
	tb.Logf("%d acked, %d stored", len(ackedIDs), len(stored))
	return found
}

// lines returns the lines of a file.
func lines(tb testing.TB, path string) []string {
	tb.Helper()
	file, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	var all []string
	scanner := bufio.NewScanner(file)
	for scanner.Scan() {
		all = append(all, scanner.Text())
	}
	if err := scanner.Err(); err != nil {
		tb.Fatal(err)
	}
	return all
}
