package address_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbox/internal/access/address"
)

// What the tests of lists share: a network that is made up, a place for copies, a log, and what is asked of ranges.

// listURL is where a made up list is.
const listURL = "https://ranges.example.com/v1.json"

// listed is on most of the lists.
var listed = netip.MustParseAddr("203.0.113.9")

var errTest = errors.New("made up")

// network answers requests without any network, so that synctest's clock runs.
type network func(r *http.Request) (*http.Response, error)

func (n network) RoundTrip(r *http.Request) (*http.Response, error) { return n(r) }

func answer(status int, body string) (*http.Response, error) {
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// publisher is a network that has one list; "" is for none.
type publisher struct {
	mu   sync.Mutex
	list string
	at   []time.Time
}

func (p *publisher) publish(list string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = list
}

func (p *publisher) RoundTrip(*http.Request) (*http.Response, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = append(p.at, time.Now())
	if p.list == "" {
		return nil, errTest
	}
	return answer(http.StatusOK, p.list)
}

// fetches is how long after a time each fetch was.
func (p *publisher) fetches(since time.Time) (after []time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, at := range p.at {
		after = append(after, at.Sub(since))
	}
	return after
}

// copies keeps copies in memory, unless err says that it cannot.
type copies struct {
	mu   sync.Mutex
	err  error
	kept map[string]keptCopy
}

type keptCopy struct {
	Content string
	At      time.Time
}

func (c *copies) AddressList(_ context.Context, origin string) (string, time.Time, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kept[origin].Content, c.kept[origin].At, c.err
}

func (c *copies) KeepAddressList(_ context.Context, origin, content string, at time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.kept[origin] = keptCopy{content, at}
	}
	return c.err
}

func (c *copies) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
}

func (c *copies) of(origin string) keptCopy {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kept[origin]
}

// journal is a log that can be read.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// count is how many lines of the log have all the words.
func (j *journal) count(words ...string) (n int) {
	for line := range strings.Lines(j.String()) {
		has := true
		for _, word := range words {
			has = has && strings.Contains(line, word)
		}
		if has {
			n++
		}
	}
	return n
}

// watch makes ranges and runs them until the test ends. It logs to the journal, if there is one.
func watch(t *testing.T, c address.RangesConfig, log *journal) *address.Ranges {
	t.Helper()
	c.Log = slog.New(slog.DiscardHandler)
	if log != nil {
		c.Log = slog.New(slog.NewTextHandler(log, nil))
	}
	r := ranges(t, c)
	done := make(chan error, 1)
	go func() { done <- r.Run(t.Context()) }()
	t.Cleanup(func() { // the test's context has ended by now
		if err := <-done; err != nil {
			t.Errorf("run: got %v, want nil", err)
		}
	})
	return r
}

func requirePlace(t *testing.T, r *address.Ranges, addr string, want address.Place) {
	t.Helper()
	if got := r.Check(netip.MustParseAddr(addr)); got != want {
		t.Errorf("%s: got %s, want %s", addr, got, want)
	}
}

func requireWarnings(t *testing.T, r *address.Ranges, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, r.Warnings(time.Now())); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

// waitUntil waits for what another goroutine does.
func waitUntil(t *testing.T, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(20 * time.Second); !is(); {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("it has not come to that")
		}
	}
}

// advance lets a time of synctest's clock pass, with all that happens in it.
func advance(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
