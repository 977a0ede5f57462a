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

// Shared by the tests of lists: a fake network, storage for copies, a log buffer, and assertions.

// listURL is the URL of the list on the fake network.
const listURL = "https://ranges.example.com/v1.json"

// listed is an address on most of the lists.
var listed = netip.MustParseAddr("203.0.113.9")

var errTest = errors.New("test error")

// network is a RoundTripper without I/O, so that synctest's clock can advance.
type network func(r *http.Request) (*http.Response, error)

func (n network) RoundTrip(r *http.Request) (*http.Response, error) { return n(r) }

func answer(status int, body string) (*http.Response, error) {
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// publisher is a RoundTripper that serves a list. While the list is empty it fails.
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

// fetches returns the time of each fetch since a point in time.
func (p *publisher) fetches(since time.Time) (after []time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, at := range p.at {
		after = append(after, at.Sub(since))
	}
	return after
}

// copies stores copies in memory. It fails while err is not nil.
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

// logBuffer is a concurrent buffer for a log.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(line)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// count returns how many lines contain all the words.
func (b *logBuffer) count(words ...string) (n int) {
	for line := range strings.Lines(b.String()) {
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

// watch returns ranges that run until the test ends. They log to log unless it is nil.
func watch(t *testing.T, c address.RangesConfig, log *logBuffer) *address.Ranges {
	t.Helper()
	c.Log = slog.New(slog.DiscardHandler)
	if log != nil {
		c.Log = slog.New(slog.NewTextHandler(log, nil))
	}
	r := ranges(t, c)
	done := make(chan error, 1)
	go func() { done <- r.Run(t.Context()) }()
	t.Cleanup(func() { // the test's context has ended
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

// waitUntil waits until a condition holds.
func waitUntil(t *testing.T, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(20 * time.Second); !holds(); {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("the condition does not hold after 20 s")
		}
	}
}

// advance advances synctest's clock and waits until all goroutines are blocked again.
func advance(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
