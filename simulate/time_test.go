package simulate_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ackbox/simulate"

	"github.com/google/go-cmp/cmp"
)

// pipes is an in-memory network, which a synctest bubble needs.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// runInBubble runs a Sender against a handler in a synctest bubble.
func runInBubble(t *testing.T, handle http.HandlerFunc, o simulate.SenderOptions) simulate.Stats {
	t.Helper()
	network := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: handle, ErrorLog: quiet()}
	go func() { _ = server.Serve(network) }()
	client, err := simulate.NewClient("http://listener.example", simulate.ClientOptions{
		Dial: network.dial, Connections: o.Concurrency,
	})
	if err != nil {
		t.Fatal(err)
	}
	sender, err := simulate.NewSender(client, newGenerator(t, simulate.GeneratorOptions{Seed: 5}), o)
	if err != nil {
		t.Fatal(err)
	}
	stats, err := sender.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// All goroutines of the bubble must end, including handlers whose client has given up.
	if err := server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	return stats
}

// arrivals returns a handler that records the times of requests before it calls answer.
func arrivals(answer http.HandlerFunc) (times func() []time.Duration, handle http.HandlerFunc) {
	start := time.Now()
	var mutex sync.Mutex
	var at []time.Duration
	times = func() []time.Duration {
		mutex.Lock()
		defer mutex.Unlock()
		return slices.Clone(at)
	}
	return times, func(w http.ResponseWriter, r *http.Request) {
		mutex.Lock()
		at = append(at, time.Since(start))
		mutex.Unlock()
		_, _ = io.Copy(io.Discard, r.Body)
		answer(w, r)
	}
}

func nack(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, ackOf("false")) }

func TestRetriesComeAtGrowingIntervalsAndEndAfterADay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		times, handle := arrivals(nack)
		stats := runInBubble(t, handle, simulate.SenderOptions{Count: 1, Retry: simulate.DefaultCurve()})

		var want []time.Duration
		for at, interval := time.Duration(0), 5*time.Second; at < 24*time.Hour; {
			want = append(want, at)
			at += interval
			interval = min(2*interval, 2*time.Hour)
		}
		if diff := cmp.Diff(want, times()); diff != "" {
			t.Errorf("tries (-want +got):\n%s", diff)
		}
		tries := int64(len(want))
		if stats.Dropped != 1 || stats.Retried != tries-1 || stats.Reasons[simulate.ReasonNack] != tries {
			t.Errorf("%s; %v", stats, stats.Reasons)
		}
	})
}

func TestCurveIsAnOption(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		times, handle := arrivals(nack)
		runInBubble(t, handle, simulate.SenderOptions{Count: 1, Retry: simulate.Curve{
			DropAfter: 10 * time.Minute, First: 30 * time.Second, Factor: 3, Max: 2 * time.Minute,
		}})
		// The intervals are 30 s, 90 s and then the maximum of 2 min. A try at 10 min would be too
		// late.
		want := []time.Duration{0, 30 * time.Second, 2 * time.Minute, 4 * time.Minute, 6 * time.Minute,
			8 * time.Minute}
		if diff := cmp.Diff(want, times()); diff != "" {
			t.Errorf("tries (-want +got):\n%s", diff)
		}
	})
}

func TestAMessageIsAckedWhenTheListenerIsBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		times, handle := arrivals(func(w http.ResponseWriter, r *http.Request) {
			if time.Since(start) < time.Minute {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			writeAck(w)
		})
		stats := runInBubble(t, handle, simulate.SenderOptions{
			Count: 3, Concurrency: 3, Retry: simulate.DefaultCurve(),
		})
		tries := times()
		if !stats.AllAcked() || stats.Notifications != 3 || tries[len(tries)-1] != 75*time.Second {
			t.Errorf("%s, last try after %s, want all acked at the one after 5+10+20+40 s", stats,
				tries[len(tries)-1])
		}
	})
}

func TestClockRunsFasterThanRealTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		times, handle := arrivals(nack)
		start := time.Now()
		stats := runInBubble(t, handle, simulate.SenderOptions{
			Count: 1, Retry: simulate.DefaultCurve(), Clock: simulate.NewClock(1000),
		})
		if took := time.Since(start); took < time.Minute || took > 24*time.Hour/1000 ||
			stats.Dropped != 1 {
			t.Errorf("%s after %s, want a little less than 86.4 s", stats, took)
		}
		if second := times()[1]; second != 5*time.Millisecond {
			t.Errorf("second try after %s, want 5 s of the clock", second)
		}
	})
}

func TestAnAnswerMustComeWithin20Seconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for took, want := range map[time.Duration]int64{19 * time.Second: 1, 21 * time.Second: 0} {
			_, handle := arrivals(func(w http.ResponseWriter, _ *http.Request) {
				timer := time.NewTimer(took)
				<-timer.C
				writeAck(w)
			})
			start := time.Now()
			stats := runInBubble(t, handle, simulate.SenderOptions{Count: 1})
			if stats.Acked != want || stats.Reasons[simulate.ReasonTimeout] != 1-want {
				t.Errorf("an answer after %s: %s, %v", took, stats, stats.Reasons)
			}
			if waited, most := stats.P99, simulate.DefaultTimeout*107/100; waited < 19*time.Second ||
				waited > most {
				t.Errorf("p99 %s after %s", waited, time.Since(start))
			}
		}
	})
}

func TestRateAndBursts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		options simulate.SenderOptions
		want    []int64 // milliseconds
	}{
		{simulate.SenderOptions{Rate: 2, Count: 4}, []int64{0, 500, 1000, 1500}},
		{simulate.SenderOptions{Rate: 2, For: 2 * time.Second}, []int64{0, 500, 1000, 1500}},
		{simulate.SenderOptions{Rate: 2, Burst: 3, Count: 7}, []int64{0, 0, 0, 1500, 1500, 1500, 3000}},
		{simulate.SenderOptions{Rate: 0.5, Count: 2}, []int64{0, 2000}},
	} {
		synctest.Test(t, func(t *testing.T) {
			times, handle := arrivals(func(w http.ResponseWriter, _ *http.Request) { writeAck(w) })
			stats := runInBubble(t, handle, test.options)
			var got []int64
			for _, at := range times() {
				got = append(got, at.Milliseconds())
			}
			if diff := cmp.Diff(test.want, got); diff != "" || !stats.AllAcked() {
				t.Errorf("%+v: %s\n(-want +got):\n%s", test.options, stats, diff)
			}
		})
	}
}

func TestMessagesThatWaitForASlowListenerAreDelivered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, handle := arrivals(func(w http.ResponseWriter, _ *http.Request) {
			timer := time.NewTimer(3 * time.Second)
			<-timer.C
			writeAck(w)
		})
		stats := runInBubble(t, handle, simulate.SenderOptions{Rate: 1, For: 10 * time.Second})
		if stats.Messages != 10 || !stats.AllAcked() || stats.Elapsed != 30*time.Second {
			t.Errorf("%s in %s, want 10 messages in 30 s", stats, stats.Elapsed)
		}
	})
}

func TestMaxRetryingStopsNewMessages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, handle := arrivals(nack)
		stats := runInBubble(t, handle, simulate.SenderOptions{
			For: time.Minute, MaxRetrying: 10, Retry: simulate.Curve{DropAfter: time.Hour,
				First: time.Minute},
		})
		if stats.Notifications != 10 || stats.Dropped != 10 {
			t.Errorf("%s of %d, want 10 made and dropped", stats, stats.Notifications)
		}
	})
}
