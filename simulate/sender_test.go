package simulate_test

import (
	"context"
	"errors"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"ackbox/simulate"
	"ackbox/soap"

	"github.com/google/go-cmp/cmp"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// inbox is a listener that stores what it acks, with every redelivery.
type inbox struct {
	mutex     sync.Mutex
	messages  []decoded
	contents  map[string][]string // the records by notification id, in the order of delivery
	fail      func(w http.ResponseWriter, r *http.Request, number int) (handled bool)
	delivered int
}

func (i *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	i.mutex.Lock()
	number := i.delivered
	i.delivered++
	i.mutex.Unlock()
	if i.fail != nil && i.fail(w, r, number) {
		return
	}
	i.store(body)
	writeAck(w)
}

func (i *inbox) store(body []byte) {
	message, err := soap.Decode(body, nil)
	if err != nil {
		return
	}
	i.mutex.Lock()
	defer i.mutex.Unlock()
	if i.contents == nil {
		i.contents = map[string][]string{}
	}
	d := decoded{organization: message.OrganizationID, action: message.ActionID}
	for _, n := range message.Entries {
		i.contents[n.ID] = append(i.contents[n.ID], string(n.Fields))
		d.notifications = append(d.notifications, decodedNotification{id: n.ID, hasData: n.Fields != nil})
	}
	i.messages = append(i.messages, d)
}

// results counts what the Sender reported to its callbacks.
type results struct {
	acked, dropped map[string]int
	failures       map[string]int
}

// run sends to an inbox and returns the numbers and the reported results.
func run(t *testing.T, i *inbox, o simulate.SenderOptions) (simulate.Stats, results) {
	t.Helper()
	server := listener(t, i.ServeHTTP)
	server.Config.ErrorLog = quiet()
	l := results{acked: map[string]int{}, dropped: map[string]int{}, failures: map[string]int{}}
	o.OnAck = func(notifications []simulate.Notification) {
		for _, n := range notifications {
			l.acked[n.ID]++
		}
	}
	o.OnDrop = func(notifications []simulate.Notification) {
		for _, n := range notifications {
			l.dropped[n.ID]++
		}
	}
	o.OnFailure = func(_ []simulate.Notification, f *simulate.Failure) { l.failures[f.Reason]++ }
	client := newClient(t, server.URL, simulate.ClientOptions{Connections: o.Concurrency,
		Timeout: 5 * time.Second})
	sender, err := simulate.NewSender(client, newGenerator(t, simulate.GeneratorOptions{Seed: 5}), o)
	if err != nil {
		t.Fatal(err)
	}
	stats, err := sender.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return stats, l
}

// checkSettled checks that each notification was either acked or dropped, once, and that what was
// acked was stored.
func checkSettled(t *testing.T, i *inbox, stats simulate.Stats, l results) {
	t.Helper()
	if stats.Acked+stats.Dropped+stats.Failed != stats.Notifications || stats.Queued != 0 ||
		stats.InFlight != 0 {
		t.Errorf("not settled: %s of %d", stats, stats.Notifications)
	}
	if len(l.acked) != int(stats.Acked) || len(l.dropped) != int(stats.Dropped+stats.Failed) {
		t.Errorf("got callbacks for %d acked and %d dropped: %s", len(l.acked), len(l.dropped), stats)
	}
	for id, times := range l.acked {
		if times != 1 || l.dropped[id] != 0 || len(i.contents[id]) == 0 {
			stored := len(i.contents[id])
			t.Errorf("%s: acked %d times, dropped %d times, stored %d times", id, times, l.dropped[id],
				stored)
		}
	}
}

func TestSenderSendsEachMessageOnce(t *testing.T) {
	t.Parallel()
	for _, concurrency := range []int{0, 1, 8} {
		i := &inbox{}
		stats, l := run(t, i, simulate.SenderOptions{
			Count: 100, Concurrency: concurrency, Notifications: simulate.Range{Min: 3, Max: 3},
		})
		checkSettled(t, i, stats, l)
		if !stats.AllAcked() || stats.Messages != 100 || stats.Posts != 100 || len(i.contents) != 300 {
			t.Errorf("%s, %d stored", stats, len(i.contents))
		}
		if stats.P50 <= 0 || stats.P50 > stats.P99 || stats.P99 > stats.P999 ||
			stats.Rate <= 0 || stats.Elapsed <= 0 {
			t.Errorf("times: %s in %s", stats, stats.Elapsed)
		}
	}
}

func TestMessagesHaveOneToAHundredNotifications(t *testing.T) {
	t.Parallel()
	i := &inbox{}
	run(t, i, simulate.SenderOptions{Count: 150, Concurrency: 2,
		Notifications: simulate.Range{Min: 1, Max: 100}})
	sizes := map[int]bool{}
	for _, m := range i.messages {
		sizes[len(m.notifications)] = true
		if m.action != i.messages[0].action || m.organization != simulate.DefaultOrganizationID {
			t.Fatalf("organization %s, action %s: want one definition", m.organization, m.action)
		}
	}
	if len(sizes) < 50 {
		t.Errorf("150 messages have only %d sizes", len(sizes))
	}
}

func TestWithoutRetryAMessageFails(t *testing.T) {
	t.Parallel()
	i := &inbox{fail: func(w http.ResponseWriter, _ *http.Request, number int) bool {
		if number%2 == 0 {
			_, _ = io.WriteString(w, ackOf("false"))
		}
		return number%2 == 0
	}}
	stats, l := run(t, i, simulate.SenderOptions{Count: 10,
		Notifications: simulate.Range{Min: 2, Max: 2}})
	checkSettled(t, i, stats, l)
	if stats.AllAcked() || stats.Failed != 10 || stats.Reasons[simulate.ReasonNack] != 5 ||
		stats.Posts != 10 {
		t.Errorf("%s; %v", stats, stats.Reasons)
	}
}

func TestALostAckCausesARedelivery(t *testing.T) {
	t.Parallel()
	for _, newer := range []float64{0, 1} {
		i := &inbox{}
		stats, l := run(t, i, simulate.SenderOptions{Count: 20, LostAck: 1, NewerData: newer,
			Concurrency: 2})
		checkSettled(t, i, stats, l)
		if !stats.AllAcked() || stats.Posts != 40 || l.failures[simulate.ReasonLostAck] != 20 {
			t.Errorf("%s; %v", stats, l.failures)
		}
		for id, contents := range i.contents {
			if len(contents) != 2 || (contents[0] == contents[1]) != (newer == 0) {
				t.Errorf("%s came %d times, newer data %t", id, len(contents), contents[0] != contents[1])
			}
		}
	}
}

func TestFailuresLoseNothing(t *testing.T) {
	t.Parallel()
	for _, o := range []simulate.SenderOptions{
		{},
		{Rebatch: 0.5, NewerData: 0.3, Deleted: 0.1, Disorder: 0.5, LostAck: 0.2},
		{Rebatch: 1, LostAck: 1, Deleted: 0.5, DeletedForm: simulate.DeletedEmpty},
	} {
		i := &inbox{fail: failHalf}
		o.Count, o.Concurrency, o.Notifications = 100, 8, simulate.Range{Min: 1, Max: 10}
		o.Retry = simulate.Curve{DropAfter: 24 * time.Hour, First: time.Second, Max: time.Minute}
		o.Clock = simulate.NewClock(1000)
		stats, l := run(t, i, o)
		checkSettled(t, i, stats, l)
		if !stats.AllAcked() || stats.Retried == 0 || stats.Posts <= 100 {
			t.Errorf("%+v: %s", o, stats.Summary())
		}
		if len(i.contents) != int(stats.Notifications) {
			t.Errorf("%d notifications, %d stored", stats.Notifications, len(i.contents))
		}
	}
}

// failHalf fails every other request on average, each in a random way.
func failHalf(w http.ResponseWriter, _ *http.Request, _ int) bool {
	switch rand.IntN(10) {
	case 0:
		_, _ = io.WriteString(w, ackOf("false"))
	case 1:
		panic(http.ErrAbortHandler)
	case 2:
		http.Error(w, "<html>Bad Gateway</html>", http.StatusBadGateway)
	case 3:
		w.Header().Set("Location", "/login")
		w.WriteHeader(http.StatusFound)
	case 4:
		_, _ = w.Write(soap.Fault(soap.FaultServer, "database down"))
	default:
		return false
	}
	return true
}

func TestRebatchingChangesTheSizes(t *testing.T) {
	t.Parallel()
	i := &inbox{}
	stats, l := run(t, i, simulate.SenderOptions{
		Count: 20, LostAck: 1, Rebatch: 1, Notifications: simulate.Range{Min: 10, Max: 10},
		Retry: simulate.DefaultCurve(), Clock: simulate.NewClock(100_000), Concurrency: 2,
	})
	checkSettled(t, i, stats, l)
	sizes := map[int]int{}
	for _, m := range i.messages {
		sizes[len(m.notifications)]++
	}
	if !stats.AllAcked() || len(sizes) < 3 || len(i.contents) != 200 {
		t.Errorf("%s; sizes %v", stats, sizes)
	}
}

func TestDeletedRecordsHaveNoData(t *testing.T) {
	t.Parallel()
	for form, want := range map[simulate.DeletedForm]string{
		simulate.DeletedAbsent: "", simulate.DeletedEmpty: "{}", simulate.DeletedID: `{"Id":"00Q`,
	} {
		i := &inbox{}
		stats, _ := run(t, i, simulate.SenderOptions{Count: 5, Deleted: 1, DeletedForm: form})
		for id, contents := range i.contents {
			if len(contents[0]) > 30 || !strings.HasPrefix(contents[0], want) {
				t.Errorf("form %d: %s has %q, want %q", form, id, contents[0], want)
			}
		}
		if !stats.AllAcked() || len(i.contents) != 5 {
			t.Error(stats)
		}
	}
}

func TestDisorderChangesTheOrder(t *testing.T) {
	t.Parallel()
	order := func(disorder float64) (ids []string) {
		i := &inbox{}
		stats, _ := run(t, i, simulate.SenderOptions{Count: 50, Disorder: disorder})
		if !stats.AllAcked() || stats.Messages != 50 {
			t.Error(stats)
		}
		for _, m := range i.messages {
			ids = append(ids, m.notifications[0].id)
		}
		return ids
	}
	straight := order(0)
	for _, disorder := range []float64{0.3, 1} {
		mixed := order(disorder)
		if cmp.Equal(straight, mixed) {
			t.Errorf("disorder %g: the order is unchanged", disorder)
		}
	}
}

func TestBodiesArePostedUnchanged(t *testing.T) {
	t.Parallel()
	m := newGenerator(t, simulate.GeneratorOptions{Seed: 9}).Message(2)
	body := string(m.Append(nil))
	var got []string
	server := listener(t, func(w http.ResponseWriter, r *http.Request) {
		sent, _ := io.ReadAll(r.Body)
		got = append(got, string(sent))
		if string(sent) == "broken" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		writeAck(w)
	})
	var acked []string
	sender, err := simulate.NewSender(newClient(t, server.URL, simulate.ClientOptions{}), nil,
		simulate.SenderOptions{
			Bodies: [][]byte{[]byte(body), []byte("broken")}, Count: 3, LostAck: 1,
			OnAck: func(notifications []simulate.Notification) {
				for _, n := range notifications {
					acked = append(acked, n.ID)
				}
			},
		})
	if err != nil {
		t.Fatal(err)
	}
	stats, err := sender.Run(t.Context())
	if err != nil || stats.AllAcked() || stats.Failed != 1 || len(acked) != 4 ||
		acked[0] != m.Notifications[0].ID {
		t.Errorf("%s, %v; acked %v", stats, err, acked)
	}
	for _, sent := range got {
		if sent != body && sent != "broken" {
			t.Errorf("another body was sent: %s", sent)
		}
	}
}

func TestInterruptedRunLeavesTheRestInTheQueue(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	started := make(chan bool, 1)
	server := listener(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		started <- true
		<-r.Context().Done()
	})
	sender, err := simulate.NewSender(newClient(t, server.URL, simulate.ClientOptions{}),
		newGenerator(t, simulate.GeneratorOptions{}), simulate.SenderOptions{Count: 3})
	if err != nil {
		t.Fatal(err)
	}
	if stats := sender.Stats(); stats.Queued != 3 {
		t.Errorf("before: %s", stats)
	}
	go func() {
		<-started
		if stats := sender.Stats(); stats.InFlight != 1 || stats.Queued != 2 {
			t.Errorf("meanwhile: %s", stats)
		}
		cancel()
	}()
	stats, err := sender.Run(ctx)
	if !errors.Is(err, context.Canceled) || stats.Queued != 3 || stats.Acked+stats.Failed != 0 ||
		stats.AllAcked() {
		t.Errorf("%s, %v", stats, err)
	}
}

func TestNewSenderRejectsInvalidOptions(t *testing.T) {
	t.Parallel()
	client := newClient(t, "http://127.0.0.1:1", simulate.ClientOptions{})
	for _, o := range []simulate.SenderOptions{
		{Notifications: simulate.Range{Min: 0, Max: 5}}, {Notifications: simulate.Range{Min: 5, Max: 4}},
		{Notifications: simulate.Range{Min: 1, Max: 101}}, {LostAck: 1.5}, {Rate: -1}, {Count: -1},
	} {
		if _, err := simulate.NewSender(client, newGenerator(t, simulate.GeneratorOptions{}),
			o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
	if _, err := simulate.NewSender(client, nil, simulate.SenderOptions{}); err == nil {
		t.Error("a Sender without anything to send was accepted")
	}
}
