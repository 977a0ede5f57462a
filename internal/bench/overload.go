package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"time"

	"ackbox/simulate"
	"ackbox/wsdl"
)

// The overload of --overload: overloadFactor times the senders, each of which has one message at a
// time and waits retryAfter when it was refused.
const (
	overloadFactor = 10
	retryAfter     = 500 * time.Millisecond
	goalOverload   = 0.8 // of the rate of the senders before
)

// overload is a load, and the queue limit of the server that is under it.
type overload struct {
	load
	limit int
}

func (o overload) String() string {
	return fmt.Sprintf("%s, queue limit %s", o.load, count(o.limit))
}

// overloadRun is what the senders of an overload and overloadFactor times as many achieved, on the
// same server.
type overloadRun struct {
	overload
	peak, overloaded throughput
}

// throughput is what senders achieved in a second.
type throughput struct {
	acked   float64 // notifications
	refused float64 // messages
	cost    float64 // CPU time of listener and database per acked notification, µs
}

// overloads returns all combinations of the options: for each load a queue limit that the overload
// reaches, and one that it does not.
func (h *harness) overloads() (all []overload) {
	for _, l := range h.loads() {
		for _, limit := range []int{l.senders, 4096} {
			all = append(all, overload{l, limit})
		}
	}
	return all
}

// measureOverload measures each overload, and prints a report.
func (h *harness) measureOverload(ctx context.Context, out io.Writer) error {
	var runs []overloadRun
	for range h.Repeat {
		for _, o := range h.overloads() {
			run, err := h.overload(ctx, o)
			if err != nil {
				return fmt.Errorf("%s: %w", o, err)
			}
			runs = append(runs, run)
			h.logf("%s: %s notifications/s, with %d times the senders %s", o,
				count(int(run.peak.acked)), overloadFactor, count(int(run.overloaded.acked)))
		}
	}
	machine, err := h.machine(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s; medians of %d runs of %s each.\n\n%s",
		machine, h.Repeat, h.For, overloadReport(runs))
	return err
}

// overload makes one run: the senders, and then overloadFactor times as many, load a server.
func (h *harness) overload(ctx context.Context, o overload) (run overloadRun, err error) {
	db, path, err := h.prepare(ctx, o.load)
	if err != nil {
		return run, err
	}
	defer func() { err = errors.Join(err, db.release(context.WithoutCancel(ctx))) }()
	server, err := h.start(ctx, "ackbox", db.url, 1, "--queue-limit", strconv.Itoa(o.limit))
	if err != nil {
		return run, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	run.overload = o
	if run.peak, err = h.sendPatiently(ctx, server, path, o.load); err != nil {
		return run, err
	}
	o.senders *= overloadFactor
	run.overloaded, err = h.sendPatiently(ctx, server, path, o.load)
	return run, err
}

// sendPatiently loads a listener with senders that wait when they are refused, and measures it
// after the warm-up.
func (h *harness) sendPatiently(
	ctx context.Context, server *listener, path string, l load,
) (_ throughput, err error) {
	all, err := newPatientSenders(server.url+path, l)
	if err != nil {
		return throughput{}, err
	}
	sending, stop := context.WithCancel(ctx)
	defer stop()
	var running sync.WaitGroup
	for _, sender := range all {
		running.Go(func() { _, _ = sender.Run(sending) }) // it fails only at the end of the context
	}
	done, err := h.watch(ctx, server, all)
	stop()
	running.Wait()
	return done, err
}

// watch measures what senders achieve after the warm-up.
func (h *harness) watch(
	ctx context.Context, server *listener, senders []*simulate.Sender,
) (throughput, error) {
	if err := wait(ctx, h.Warmup); err != nil {
		return throughput{}, err
	}
	started, before := time.Now(), sumOf(senders)
	usedBefore, err := h.usage(ctx, listeners{server})
	if err != nil {
		return throughput{}, err
	}
	if err := wait(ctx, h.For); err != nil {
		return throughput{}, err
	}
	after, elapsed := sumOf(senders), time.Since(started).Seconds()
	used, err := h.usage(ctx, listeners{server})
	if err != nil {
		return throughput{}, err
	}
	acked := after.acked - before.acked
	if acked == 0 {
		return throughput{}, errors.New("nothing was acked")
	}
	used = used.minus(usedBefore)
	return throughput{
		acked: acked / elapsed, refused: (after.refused - before.refused) / elapsed,
		cost: float64((used.listener + used.database).Microseconds()) / acked,
	}, nil
}

// newPatientSenders returns senders that each have one message at a time.
func newPatientSenders(url string, l load) ([]*simulate.Sender, error) {
	definitions, err := wsdl.Embedded()
	if err != nil {
		return nil, err
	}
	client, err := simulate.NewClient(url, simulate.ClientOptions{Connections: l.senders})
	if err != nil {
		return nil, err
	}
	senders := make([]*simulate.Sender, l.senders)
	for i := range senders {
		generator, err := simulate.NewGenerator(definitions[0], simulate.GeneratorOptions{})
		if err != nil {
			return nil, err
		}
		senders[i], err = simulate.NewSender(client, generator, simulate.SenderOptions{
			Notifications: simulate.Range{Min: l.notifications, Max: l.notifications},
			Retry:         simulate.Curve{First: retryAfter, Max: retryAfter, DropAfter: time.Hour},
			MaxRetrying:   1,
		})
		if err != nil {
			return nil, err
		}
	}
	return senders, nil
}

// sumOf returns what senders have achieved so far.
func sumOf(senders []*simulate.Sender) (sum throughput) {
	for _, s := range senders {
		stats := s.Stats()
		sum.acked += float64(stats.Acked)
		for _, n := range stats.Reasons {
			sum.refused += float64(n)
		}
	}
	return sum
}

func wait(ctx context.Context, duration time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(duration):
		return nil
	}
}

// overloadReport returns a table of the medians of the runs, and a line for each goal.
func overloadReport(runs []overloadRun) string {
	rows := [][]string{append(slices.Clone(loadTitles), "queue limit", "notifications/s",
		strconv.Itoa(overloadFactor)+" × the senders", "of the rate", "refused/s", "µs each",
		strconv.Itoa(overloadFactor)+" ×")}
	var goals string
	for _, o := range overloadsOf(runs) {
		of := func(value func(r overloadRun) float64) float64 {
			var values []float64
			for _, r := range runs {
				if r.overload == o {
					values = append(values, value(r))
				}
			}
			return median(values)
		}
		kept := of(func(r overloadRun) float64 { return r.overloaded.acked / r.peak.acked })
		rows = append(rows, append(o.cells(), count(o.limit),
			number(of(func(r overloadRun) float64 { return r.peak.acked }), 0),
			number(of(func(r overloadRun) float64 { return r.overloaded.acked }), 0), times(kept),
			number(of(func(r overloadRun) float64 { return r.overloaded.refused }), 0),
			number(of(func(r overloadRun) float64 { return r.peak.cost }), 0),
			number(of(func(r overloadRun) float64 { return r.overloaded.cost }), 0)))
		verdict := "PASS "
		if kept < goalOverload {
			verdict = "below"
		}
		goals += fmt.Sprintf("- %s %s: %d times the senders have %s the rate, goal %.2f\n",
			verdict, o, overloadFactor, times(kept), goalOverload)
	}
	return table(rows) + "\n" + goals
}

// overloadsOf returns the overloads of the runs, each once, in the order of the first runs.
func overloadsOf(runs []overloadRun) (overloads []overload) {
	for _, r := range runs {
		if !slices.Contains(overloads, r.overload) {
			overloads = append(overloads, r.overload)
		}
	}
	return overloads
}
