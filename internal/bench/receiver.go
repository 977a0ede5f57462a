package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ackbox/ledger"
)

// receiver is the destination of the benchmarks.
type receiver struct {
	url    string
	server *http.Server

	left    atomic.Int64
	mu      sync.Mutex
	first   time.Time
	took    []time.Duration
	arrived chan struct{} // is closed when nothing is left
}

func newReceiver(ctx context.Context) (*receiver, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{url: "http://" + l.Addr().String()}
	r.expect(0)
	r.server = &http.Server{Handler: http.HandlerFunc(r.take), ReadHeaderTimeout: time.Minute}
	go func() { _ = r.server.Serve(l) }()
	return r, nil
}

func (r *receiver) close() { _ = r.server.Close() }

// expect begins to count events.
func (r *receiver) expect(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.first, r.took, r.arrived = time.Time{}, nil, make(chan struct{})
	r.left.Store(int64(n))
}

// take takes an event.
func (r *receiver) take(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	now := time.Now()
	if err != nil {
		return
	}
	w.WriteHeader(http.StatusNoContent)
	left := r.left.Add(-1)
	if left < 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.first.IsZero() {
		r.first = now
	}
	if sent, ok := timeOf(body); ok {
		r.took = append(r.took, now.Sub(sent))
	}
	if left == 0 {
		close(r.arrived)
	}
}

// timeOf returns the time at which the notification of an event was received.
func timeOf(event []byte) (time.Time, bool) {
	_, rest, found := bytes.Cut(event, []byte(`"time":"`))
	text, _, ended := bytes.Cut(rest, []byte(`"`))
	t, err := time.Parse(ledger.TimeLayout, string(text))
	return t, found && ended && err == nil
}

// receiveTimeout is how long all expected events may take.
const receiveTimeout = 5 * time.Minute

// await waits until all expected events have come, and returns how long they took from the first.
func (r *receiver) await(ctx context.Context) (time.Duration, error) {
	r.mu.Lock()
	arrived := r.arrived
	r.mu.Unlock()
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(receiveTimeout):
		return 0, fmt.Errorf("%d events have not come within %s", r.left.Load(), receiveTimeout)
	case <-arrived:
		return time.Since(r.first), nil
	}
}

func (r *receiver) latencies() []time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.Sort(r.took)
	return slices.Clone(r.took)
}
