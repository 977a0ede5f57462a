package e2e_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"ackbox/simulate"
	"ackbox/store/storetest"
)

// The sequence runs on a clock 20,000 times as fast as the real one: 24 hours of retries take 4 s.
const (
	sequenceSpeed    = 20_000
	sequenceDuration = 3 * 24 * time.Hour // of that clock; what is then queued is still delivered
	sequenceRate     = 0.01               // messages per second of that clock, 200 per real second
)

// TestSequenceOfFaults makes the faults of production, one after the other, while Salesforce posts:
// out of order, again after lost Acks, in new batches, with newer data or without the record. At
// the end all that was acked must be stored, nothing may be stored twice, and all that was not
// dropped after 24 hours must have arrived.
func TestSequenceOfFaults(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{storetest.SQLite, storetest.Postgres} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			d := newFailingDatabase(t, driver)
			s := startWith(t, d.url, "crm", "ACKBOX_SAVE_TIMEOUT=500ms")
			load := s.startRetryLoad("crm")

			load.awaitAcks(300)
			s.kill9() // ackbox is down for less time than Salesforce retries
			load.awaitFailures(100)
			s.restart()
			load.awaitAcks(300)
			d.down()
			load.awaitFailures(100)
			d.up()
			load.awaitAcks(300)
			d.slowWhile(func() { load.awaitAcks(300) })
			s.kill9() // and for more: messages are dropped
			load.awaitDrops()
			s.restart()
			stats := load.wait()

			load.checkStored(s.export())
			if stats.Notifications != stats.Acked+stats.Dropped || stats.Acked == 0 || stats.Dropped == 0 {
				t.Errorf("got %v, want every notification acked or dropped, and some of both", stats)
			}
			t.Logf("%s", stats.Summary())
		})
	}
}

// retryLoad is a sender with the retry curve of Salesforce, and the record of what it sent.
type retryLoad struct {
	tb      testing.TB
	mu      sync.Mutex
	sent    map[string]map[string]bool // by notification id and content: whether it was acked
	acks    int
	failed  int
	dropped map[string]bool
	ended   chan struct{}
	stats   simulate.Stats
}

func (s *server) startRetryLoad(source string) *retryLoad {
	s.tb.Helper()
	l := &retryLoad{
		tb: s.tb, sent: map[string]map[string]bool{}, dropped: map[string]bool{},
		ended: make(chan struct{}),
	}
	client, err := simulate.NewClient(s.url(source), simulate.ClientOptions{
		Connections: 16, Timeout: 2 * time.Second,
	})
	if err != nil {
		s.tb.Fatal(err)
	}
	sender, err := simulate.NewSender(client, generator(s.tb, 0), simulate.SenderOptions{
		For: sequenceDuration, Rate: sequenceRate,
		Concurrency: 16, Notifications: simulate.Range{Min: 1, Max: 5},
		Disorder: .3, LostAck: .1, Rebatch: .5, NewerData: .3, Deleted: .05,
		Retry: simulate.DefaultCurve(), Clock: simulate.NewClock(sequenceSpeed),
		OnAck: l.acked, OnFailure: l.refused, OnDrop: l.drop,
	})
	if err != nil {
		s.tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(l.ended)
		l.stats, _ = sender.Run(ctx) // the test checks the statistics
	}()
	s.tb.Cleanup(func() {
		cancel()
		<-l.ended
	})
	return l
}

func (l *retryLoad) acked(sent []simulate.Notification) {
	l.record(sent, true)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acks += len(sent)
}

// refused records what was sent without an Ack. It may be stored: the Ack may have been lost.
func (l *retryLoad) refused(sent []simulate.Notification, _ *simulate.Failure) {
	l.record(sent, false)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed++
}

func (l *retryLoad) drop(sent []simulate.Notification) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range sent {
		l.dropped[n.ID] = true
	}
}

func (l *retryLoad) record(sent []simulate.Notification, acked bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range sent {
		if l.sent[n.ID] == nil {
			l.sent[n.ID] = map[string]bool{}
		}
		content := contentSent(n)
		l.sent[n.ID][content] = l.sent[n.ID][content] || acked
	}
}

// await waits until a number has grown, or all is sent.
func (l *retryLoad) await(what string, number func() int, grown int) {
	l.tb.Helper()
	read := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return number()
	}
	want := read() + grown
	eventually(l.tb, 2*testTimeout, what, func() bool {
		select {
		case <-l.ended:
			return true
		default:
			return read() >= want
		}
	})
}

func (l *retryLoad) awaitAcks(n int) {
	l.tb.Helper()
	l.await("more is acked", func() int { return l.acks }, n)
}

func (l *retryLoad) awaitFailures(n int) {
	l.tb.Helper()
	l.await("messages are not acked", func() int { return l.failed }, n)
}

func (l *retryLoad) awaitDrops() {
	l.tb.Helper()
	l.await("messages are dropped", func() int { return len(l.dropped) }, 1)
}

func (l *retryLoad) wait() simulate.Stats {
	l.tb.Helper()
	select {
	case <-l.ended:
	case <-time.After(3 * testTimeout):
		l.tb.Fatal("the sender does not end")
	}
	return l.stats
}

// checkStored compares what was sent with what is stored.
func (l *retryLoad) checkStored(stored []line) {
	l.tb.Helper()
	found := map[string]map[string]bool{}
	for _, n := range stored {
		content := contentStored(l.tb, n)
		if _, sent := l.sent[n.NotificationID][content]; !sent {
			l.tb.Errorf("%s is stored with a content that was never sent: %s", n.NotificationID, content)
		}
		if found[n.NotificationID][content] {
			l.tb.Errorf("%s is stored twice with one content", n.NotificationID)
		}
		if found[n.NotificationID] == nil {
			found[n.NotificationID] = map[string]bool{}
		}
		found[n.NotificationID][content] = true
		if n.Revision != len(found[n.NotificationID]) {
			l.tb.Errorf("%s: got revision %d, want %d",
				n.NotificationID, n.Revision, len(found[n.NotificationID]))
		}
	}
	lost, missing := 0, 0
	for id, contents := range l.sent {
		for content, acked := range contents {
			if acked && !found[id][content] {
				lost++
			}
		}
		if found[id] == nil && !l.dropped[id] {
			missing++
		}
	}
	l.tb.Logf("%d notifications sent, %d stored with %d contents, %d dropped, %d lost, %d missing",
		len(l.sent), len(found), len(stored), len(l.dropped), lost, missing)
	if lost > 0 || missing > 0 {
		l.tb.Errorf("%d acked contents are lost, %d notifications were neither dropped nor stored",
			lost, missing)
	}
}

// contentSent returns the content of a notification as text, to compare with that of contentStored.
func contentSent(n simulate.Notification) string {
	if n.Record == nil {
		return "no record"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%q %q", "Id", n.Record.ID)
	for _, f := range n.Record.Fields {
		if f.Value != "" {
			fmt.Fprintf(&b, " %q %q", f.Name, f.Value)
		}
	}
	return b.String()
}

func contentStored(tb testing.TB, l line) string {
	tb.Helper()
	if l.ObjectType == nil {
		return "no record"
	}
	var parts []string
	for _, p := range pairs(tb, l.Fields) {
		parts = append(parts, fmt.Sprintf("%q %q", p.name, fmt.Sprint(p.value)))
	}
	return strings.Join(parts, " ")
}

// failingDatabase is a database that can be made to fail.
type failingDatabase struct {
	tb       testing.TB
	url      string
	driver   string
	cluster  *storetest.Cluster // of PostgreSQL
	lock     string             // the statement that keeps others from writing until it is rolled back
	released func()
}

func newFailingDatabase(t *testing.T, driver string) *failingDatabase {
	t.Helper()
	d := &failingDatabase{tb: t, driver: driver}
	if driver == storetest.SQLite {
		d.url, d.lock = storetest.URL(t, driver), "begin immediate"
		return d
	}
	d.cluster = storetest.NewCluster(t, storetest.Options{})
	d.url, d.lock = d.cluster.URL("postgres"), "begin; lock table notifications in exclusive mode"
	return d
}

// down makes the database fail: PostgreSQL as if its machine had crashed, SQLite as if a backup
// held the file.
func (d *failingDatabase) down() {
	d.tb.Helper()
	if d.cluster == nil {
		d.released = d.hold()
		return
	}
	if err := d.cluster.Stop(true); err != nil {
		d.tb.Fatal(err)
	}
}

func (d *failingDatabase) up() {
	d.tb.Helper()
	if d.cluster == nil {
		d.released()
		return
	}
	if err := d.cluster.Start(context.Background()); err != nil {
		d.tb.Fatal(err)
	}
}

// hold keeps all others from writing, until release is called.
func (d *failingDatabase) hold() (release func()) {
	d.tb.Helper()
	driver, name := "postgres", d.url
	if d.cluster == nil {
		driver, name = "sqlite", strings.TrimPrefix(d.url, "sqlite:")+"?_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		d.tb.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(d.lock); err != nil {
		d.tb.Fatalf("lock: %v", err)
	}
	return func() {
		if _, err := db.Exec("rollback"); err != nil {
			d.tb.Errorf("unlock: %v", err)
		}
		if err := db.Close(); err != nil {
			d.tb.Errorf("close: %v", err)
		}
	}
}

// slowWhile makes every write wait for up to 200 ms while do runs.
func (d *failingDatabase) slowWhile(do func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(100 * time.Millisecond)
		defer ticker.Stop()
		release := d.hold()
		for held := true; ; held = !held {
			select {
			case <-done:
				if held {
					release()
				}
				return
			case <-ticker.C:
			}
			if held {
				release()
			} else {
				release = d.hold()
			}
		}
	}()
	do()
	close(done)
	<-ended
}
