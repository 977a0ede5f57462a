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

// A bad day on a clock that runs 20,000 times as fast, so that its 24 hours of retries take 4 seconds.
const (
	sequenceSpeed    = 20_000
	sequenceDuration = 3 * 24 * time.Hour // of the clock; what waits at its end is still delivered
	sequenceRate     = 0.01               // messages in a second of the clock, 200 in a real one
)

// TestSequenceOfFaults goes through what goes wrong in production, one thing after the other, while messages come: in disorder,
// again after lost Acks, batched anew, with newer data or without their record. At the end nothing acked may be
// missing, nothing may be stored twice, and everything must have arrived that was not dropped after 24 hours.
func TestSequenceOfFaults(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{storetest.SQLite, storetest.Postgres} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			d := newFailingDatabase(t, driver)
			s := startWith(t, d.url, "crm", "ACKBOX_SAVE_TIMEOUT=500ms")
			day := s.startRetryLoad("crm")

			day.awaitAcks(300)
			s.kill9() // the endpoint goes down, shorter than Salesforce tries
			day.failing(100)
			s.restart()
			day.awaitAcks(300)
			d.down()
			day.failing(100)
			d.up()
			day.awaitAcks(300)
			d.slowWhile(func() { day.awaitAcks(300) })
			s.kill9() // and longer: messages are dropped
			day.dropping()
			s.restart()
			stats := day.wait()

			day.checkStored(s.export())
			if stats.Notifications != stats.Acked+stats.Dropped || stats.Acked == 0 || stats.Dropped == 0 {
				t.Errorf("got %v, want every notification acked or dropped, and some of both", stats)
			}
			t.Logf("%s", stats.Summary())
		})
	}
}

// badDay is a sender whose day it is, and the ledger of what it sent.
type retryLoad struct {
	tb      testing.TB
	mu      sync.Mutex
	ledger  map[string]map[string]bool // by notification id: each content that was sent, and whether it was acked
	acks    int
	failed  int
	dropped map[string]bool
	ended   chan struct{}
	stats   simulate.Stats
}

func (s *server) startRetryLoad(source string) *retryLoad {
	s.tb.Helper()
	d := &retryLoad{tb: s.tb, ledger: map[string]map[string]bool{}, dropped: map[string]bool{}, ended: make(chan struct{})}
	client, err := simulate.NewClient(s.url(source), simulate.ClientOptions{Connections: 16, Timeout: 2 * time.Second})
	if err != nil {
		s.tb.Fatal(err)
	}
	sender, err := simulate.NewSender(client, generator(s.tb, 0), simulate.SenderOptions{
		For: sequenceDuration, Rate: sequenceRate, Concurrency: 16, Notifications: simulate.Range{Min: 1, Max: 5},
		Disorder: .3, LostAck: .1, Rebatch: .5, NewerData: .3, Deleted: .05,
		Retry: simulate.DefaultCurve(), Clock: simulate.NewClock(sequenceSpeed),
		OnAck: d.acked, OnFailure: d.refused, OnDrop: d.drop,
	})
	if err != nil {
		s.tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(d.ended)
		d.stats, _ = sender.Run(ctx) // wait looks at what is left
	}()
	s.tb.Cleanup(func() {
		cancel()
		<-d.ended
	})
	return d
}

func (d *retryLoad) acked(sent []simulate.Notification) {
	d.note(sent, true)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.acks += len(sent)
}

// refused notes what was sent in vain: the inbox may have stored it, if the Ack was lost on its way.
func (d *retryLoad) refused(sent []simulate.Notification, _ *simulate.Failure) {
	d.note(sent, false)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failed++
}

func (d *retryLoad) drop(sent []simulate.Notification) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range sent {
		d.dropped[n.ID] = true
	}
}

func (d *retryLoad) note(sent []simulate.Notification, acked bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range sent {
		if d.ledger[n.ID] == nil {
			d.ledger[n.ID] = map[string]bool{}
		}
		content := contentSent(n)
		d.ledger[n.ID][content] = d.ledger[n.ID][content] || acked
	}
}

// until waits until a number has grown, or the day is over.
func (d *retryLoad) until(what string, number func() int, grown int) {
	d.tb.Helper()
	read := func() int {
		d.mu.Lock()
		defer d.mu.Unlock()
		return number()
	}
	want := read() + grown
	eventually(d.tb, 2*testTimeout, what, func() bool {
		select {
		case <-d.ended:
			return true
		default:
			return read() >= want
		}
	})
}

func (d *retryLoad) awaitAcks(n int) {
	d.tb.Helper()
	d.until("more is acked", func() int { return d.acks }, n)
}

func (d *retryLoad) failing(n int) {
	d.tb.Helper()
	d.until("messages are not acked", func() int { return d.failed }, n)
}

func (d *retryLoad) dropping() {
	d.tb.Helper()
	d.until("messages are dropped", func() int { return len(d.dropped) }, 1)
}

func (d *retryLoad) wait() simulate.Stats {
	d.tb.Helper()
	select {
	case <-d.ended:
	case <-time.After(3 * testTimeout):
		d.tb.Fatal("the day does not end")
	}
	return d.stats
}

// settle holds the ledger against what is stored.
func (d *retryLoad) checkStored(stored []line) {
	d.tb.Helper()
	found := map[string]map[string]bool{}
	for _, l := range stored {
		content := contentStored(d.tb, l)
		if _, sent := d.ledger[l.NotificationID][content]; !sent {
			d.tb.Errorf("%s is stored with a content that was never sent: %s", l.NotificationID, content)
		}
		if found[l.NotificationID][content] {
			d.tb.Errorf("%s is stored twice with one content", l.NotificationID)
		}
		if found[l.NotificationID] == nil {
			found[l.NotificationID] = map[string]bool{}
		}
		found[l.NotificationID][content] = true
		if l.Revision != len(found[l.NotificationID]) {
			d.tb.Errorf("%s: got revision %d, want %d", l.NotificationID, l.Revision, len(found[l.NotificationID]))
		}
	}
	lost, missing := 0, 0
	for id, contents := range d.ledger {
		for content, acked := range contents {
			if acked && !found[id][content] {
				lost++
			}
		}
		if found[id] == nil && !d.dropped[id] {
			missing++
		}
	}
	d.tb.Logf("%d notifications sent, %d stored with %d contents, %d dropped, %d lost, %d missing",
		len(d.ledger), len(found), len(stored), len(d.dropped), lost, missing)
	if lost > 0 || missing > 0 {
		d.tb.Errorf("%d acked contents are lost, %d notifications were neither dropped nor stored", lost, missing)
	}
}

// contentSent and contentStored write a record in one way, to compare by.
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

// failingDatabase is one that can be made to fail.
type failingDatabase struct {
	tb       testing.TB
	url      string
	driver   string
	cluster  *storetest.Cluster // of PostgreSQL
	lock     string             // what keeps others from writing, until it is rolled back
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

// down makes it fail: PostgreSQL as if its machine had crashed, SQLite's file as if a backup held it.
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

// hold keeps everybody else from writing, until it is released.
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

// slowWhile makes every write wait up to a fifth of a second while do runs.
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
