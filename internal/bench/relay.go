package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"time"
)

// destinations are what --relay measures the rate of receiving with, beside none.
type destinations string

const (
	noDestination destinations = "none"
	paused        destinations = "3 paused"
	down          destinations = "3 down"
	unwanted      destinations = "3 that want nothing"
	oneDelivering destinations = "1 delivering"
	allDelivering destinations = "3 delivering"
)

var allDestinations = []destinations{noDestination, paused, down, unwanted, oneDelivering, allDelivering}

// relayRun is the rate of receiving with some destinations, and without any, in consecutive runs.
type relayRun struct {
	load
	with  destinations
	rate  float64
	ratio float64 // to that without
}

// The parts of --relay beside the rate of receiving.
const (
	backlogSize = 100_000 // notifications
	latencyRate = 25      // messages a second
	latencyFor  = 8 * time.Second
)

// measureRelay measures what destinations cost those who send, how fast a backlog is delivered, and
// how long a notification takes from its receipt to its delivery, and prints a report.
func (h *harness) measureRelay(ctx context.Context, out io.Writer) error {
	key := make([]byte, 32) // of databases that are dropped
	_, _ = rand.Read(key)   // it never fails
	if err := os.Setenv("ACKBOX_SECRET_KEY", base64.StdEncoding.EncodeToString(key)); err != nil {
		return err
	}
	receiver, err := newReceiver(ctx)
	if err != nil {
		return err
	}
	defer receiver.close()
	ingest, err := h.relayIngest(ctx, receiver)
	if err != nil {
		return err
	}
	rest, err := h.relayDelivery(ctx, receiver)
	if err != nil {
		return err
	}
	machine, err := h.machine(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s; medians of %d runs of %s each.\n\n%s\n%s",
		machine, h.Repeat, h.For, ingest, rest)
	return err
}

// relayIngest measures the rate of receiving beside destinations.
func (h *harness) relayIngest(ctx context.Context, receiver *receiver) (string, error) {
	var runs []relayRun
	for range h.Repeat {
		for _, l := range h.loads() {
			var without float64
			for _, with := range allDestinations {
				rate, err := h.receiveBeside(ctx, l, with, receiver)
				if err != nil {
					return "", fmt.Errorf("%s, %s: %w", l, with, err)
				}
				if with == noDestination {
					without = rate
				}
				runs = append(runs, relayRun{l, with, rate, rate / without})
				h.logf("%s, destinations: %s: %s notifications/s", l, with, count(int(rate)))
			}
		}
	}
	return ingestReport(runs), nil
}

// receiveBeside makes one run: a server with some destinations receives as fast as it can.
func (h *harness) receiveBeside(
	ctx context.Context, l load, with destinations, receiver *receiver,
) (rate float64, err error) {
	db, path, err := h.prepare(ctx, l)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.release(context.WithoutCancel(ctx))) }()
	if err := h.addDestinations(ctx, db, with, receiver); err != nil {
		return 0, err
	}
	server, err := h.start(ctx, "ackbox", db.url, 1)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	if h.Warmup > 0 {
		if _, err := h.send(ctx, server.url+path, l, h.Warmup); err != nil {
			return 0, fmt.Errorf("warm up: %w", err)
		}
	}
	done, err := h.send(ctx, server.url+path, l, h.For)
	return done.Rate, err
}

func (h *harness) addDestinations(
	ctx context.Context, db *database, with destinations, receiver *receiver,
) error {
	url, n, flags := receiver.url, 3, []string(nil)
	switch with {
	case noDestination:
		n = 0
	case oneDelivering:
		n = 1
	case down:
		url = "http://127.0.0.1:1"
	case unwanted:
		flags = []string{"--object", "Nothing"}
	case paused, allDelivering:
	}
	for i := range n {
		name := "bench-" + strconv.Itoa(i)
		if err := h.addDestination(ctx, db, name, url, flags...); err != nil {
			return err
		}
		if with == paused {
			if err := h.command(ctx, db, "destination", "pause", name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (h *harness) addDestination(ctx context.Context, db *database, name, url string, flags ...string) error {
	return h.command(ctx, db, append([]string{
		"destination", "add", name, "--kind", "webhook", "--url", url, "--allow-private", "--no-test",
	}, flags...)...)
}

// command runs a command of ackbox on a database.
func (h *harness) command(ctx context.Context, db *database, args ...string) error {
	cmd := exec.CommandContext(ctx, h.binary("ackbox"), args...)
	cmd.Env = append(os.Environ(), "DATABASE_URL="+db.url)
	_, err := cmd.Output()
	if failure, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("%s: %w: %s", args[0], err, failure.Stderr)
	}
	return err
}

// relayDelivery measures the delivery of a backlog, and how long a notification takes.
func (h *harness) relayDelivery(ctx context.Context, receiver *receiver) (string, error) {
	rows := [][]string{{
		"database", "order", "backlog, events/s", "µs of PostgreSQL each", "ack p50 ms", "delivery p50 ms", "p99 ms",
		"by ackbox relay: ack p50 ms", "delivery p50 ms", "p99 ms",
	}}
	for _, kind := range h.Databases {
		for _, order := range []string{"none", "record", "latest"} {
			l := load{database: kind, notifications: 100, senders: 16, processes: 1}
			rate, cost, err := h.deliverBacklog(ctx, l, order, receiver)
			if err != nil {
				return "", fmt.Errorf("backlog on %s, order %s: %w", kind, order, err)
			}
			row := []string{kind, order, number(rate, 0), number(cost, 1)}
			h.logf("%s, order %s: %s events/s", kind, order, number(rate, 0))
			for _, apart := range []bool{false, true} {
				acks, latencies, err := h.latencies(ctx, l, order, apart, receiver)
				if err != nil {
					return "", fmt.Errorf("latency on %s, order %s: %w", kind, order, err)
				}
				row = append(row, number(acks, 1), milliseconds(latencies, 0.5), milliseconds(latencies, 0.99))
			}
			rows = append(rows, row)
		}
	}
	return table(rows), nil
}

// deliverBacklog stores notifications, and then has them delivered.
func (h *harness) deliverBacklog(
	ctx context.Context, l load, order string, receiver *receiver,
) (rate, cost float64, err error) {
	db, path, err := h.prepare(ctx, l)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, db.release(context.WithoutCancel(ctx))) }()
	server, err := h.start(ctx, "ackbox", db.url, 1, "--relay", "off")
	if err != nil {
		return 0, 0, err
	}
	_, err = h.sendCount(ctx, server.url+path, l, backlogSize/l.notifications)
	if err = errors.Join(err, server.stop()); err != nil {
		return 0, 0, err
	}
	err = h.addDestination(ctx, db, "bench", receiver.url, "--from", "beginning", "--yes", "--order", order)
	if err != nil {
		return 0, 0, err
	}
	receiver.expect(backlogSize)
	before, err := h.databases.cpuTime(ctx)
	if err != nil {
		return 0, 0, err
	}
	if server, err = h.start(ctx, "ackbox", db.url, 1); err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	took, err := receiver.await(ctx)
	if err != nil {
		return 0, 0, err
	}
	after, err := h.databases.cpuTime(ctx)
	return backlogSize / took.Seconds(), float64((after - before).Microseconds()) / backlogSize, err
}

// sendCount sends so many messages.
func (h *harness) sendCount(ctx context.Context, url string, l load, messages int) ([]byte, error) {
	cmd := exec.CommandContext(ctx, h.binary("ackbox"), "send", url, "--json", "--count", strconv.Itoa(messages),
		"--concurrency", strconv.Itoa(l.senders), "--notifications", strconv.Itoa(l.notifications))
	return cmd.Output()
}

// latencies returns how long the Acks take, in ms, and how long notifications take from their receipt
// to their delivery, sorted, in the process that receives them or in another one. Both begin before
// the commit, the delivery after it.
func (h *harness) latencies(
	ctx context.Context, l load, order string, apart bool, receiver *receiver,
) (acks float64, _ []time.Duration, err error) {
	db, path, err := h.prepare(ctx, l)
	if err != nil {
		return 0, nil, err
	}
	defer func() { err = errors.Join(err, db.release(context.WithoutCancel(ctx))) }()
	if err := h.addDestination(ctx, db, "bench", receiver.url, "--order", order); err != nil {
		return 0, nil, err
	}
	relay := "on"
	if apart {
		relay = "off"
	}
	server, err := h.start(ctx, "ackbox", db.url, 1, "--relay", relay)
	if err != nil {
		return 0, nil, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	if apart {
		other, err := h.startRelay(ctx, db)
		if err != nil {
			return 0, nil, err
		}
		defer func() { _ = other.stop() }() // a signal ends it
	}
	messages := int(latencyFor.Seconds() * latencyRate)
	receiver.expect(messages)
	cmd := exec.CommandContext(ctx, h.binary("ackbox"), "send", server.url+path, "--json",
		"--count", strconv.Itoa(messages), "--concurrency", "4", "--rate", strconv.Itoa(latencyRate))
	var done sent
	output, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(output, &done)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("send: %w", err)
	}
	if _, err := receiver.await(ctx); err != nil {
		return 0, nil, err
	}
	return done.P50, receiver.latencies(), nil
}

// startRelay starts a process that delivers and receives nothing.
func (h *harness) startRelay(ctx context.Context, db *database) (*listener, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	address := "127.0.0.1:" + strconv.Itoa(port)
	return h.launch(ctx, &listener{url: "http://" + address, log: h.binary("relay") + ".log"}, "ackbox", db.url, port,
		"relay", "--admin-addr", address)
}

func milliseconds(sorted []time.Duration, quantile float64) string {
	if len(sorted) == 0 {
		return ""
	}
	at := min(int(quantile*float64(len(sorted))), len(sorted)-1)
	return number(float64(sorted[at].Microseconds())/1000, 1)
}

// ingestReport returns a table of the medians.
func ingestReport(runs []relayRun) string {
	rows := [][]string{append(slices.Clone(loadTitles), "destinations", "notifications/s", "times that without")}
	var seen []relayRun
	for _, run := range runs {
		same := func(r relayRun) bool { return r.load == run.load && r.with == run.with }
		if slices.ContainsFunc(seen, same) {
			continue
		}
		seen = append(seen, run)
		var rates, ratios []float64
		for _, r := range runs {
			if same(r) {
				rates, ratios = append(rates, r.rate), append(ratios, r.ratio)
			}
		}
		rows = append(rows, append(run.cells(), string(run.with), number(median(rates), 0), times(median(ratios))))
	}
	return table(rows)
}
