package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"ackbox/store/storetest"
)

// load is the load under which a listener is measured.
type load struct {
	database      string
	stored        int // notifications that are stored before
	notifications int // in a message
	senders       int // of all processes together
	processes     int // of the listener
}

func (l load) String() string {
	text := fmt.Sprintf("%s, %s stored, %d senders, messages of %d",
		l.database, count(l.stored), l.senders, l.notifications)
	if l.processes > 1 {
		text += fmt.Sprintf(", %d processes", l.processes)
	}
	return text
}

// result is what one listener did under one load, in one run or as the median of several.
type result struct {
	load
	listener string
	figures
}

// harness holds what all runs share: the binaries, the databases and a folder for all files.
type harness struct {
	options
	progress  io.Writer
	folder    string
	databases databases
	sync      *syncDelay
	runs      int
}

// newHarness builds the binaries, and starts PostgreSQL if the options include it.
func newHarness(ctx context.Context, o options, progress io.Writer) (_ *harness, err error) {
	folder, err := os.MkdirTemp("", "ackbox-bench-")
	if err != nil {
		return nil, err
	}
	h := &harness{
		options: o, progress: progress, folder: folder, sync: &syncDelay{delay: o.SyncDelay},
	}
	h.databases = databases{folder: folder, seeded: map[load]*database{}, logf: h.logf}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	if err := h.build(ctx); err != nil {
		return nil, err
	}
	if !slices.Contains(o.Databases, storetest.Postgres) {
		return h, nil
	}
	return h, h.databases.startPostgres(ctx, h.sync)
}

func (h *harness) close() error { return errors.Join(h.databases.close(), os.RemoveAll(h.folder)) }

func (h *harness) logf(format string, args ...any) { fmt.Fprintf(h.progress, format+"\n", args...) }

// build builds the binaries as they are released.
func (h *harness) build(ctx context.Context) error {
	h.logf("building ackbox and the plain listener")
	command := exec.CommandContext(ctx, "go", "build", "-o", h.folder+"/",
		"ackbox/cmd/ackbox", "ackbox/internal/bench/plain")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", errors.Join(err, ctx.Err()), output)
	}
	return nil
}

// binary returns the path of the binary of a listener.
func (h *harness) binary(name string) string { return filepath.Join(h.folder, name) }

// loads returns all combinations of the options, but only the first number of processes with more
// than the first number of stored notifications. SQLite has one process.
func (o options) loads() (all []load) {
	for _, database := range o.Databases {
		for _, notifications := range o.Notifications {
			for _, senders := range o.Senders {
				for i, stored := range o.Stored {
					processes := o.Processes
					if database == storetest.SQLite {
						processes = []int{1}
					} else if i > 0 {
						processes = processes[:1]
					}
					for _, n := range processes {
						all = append(all, load{database, stored, notifications, senders, n})
					}
				}
			}
		}
	}
	return all
}

// measureAll measures every listener under every load. The listeners take turns, so that other load
// on the machine affects them alike.
func (h *harness) measureAll(ctx context.Context) (all []result, err error) {
	loads := h.loads()
	total := h.Repeat * len(loads) * len(h.Listeners)
	for range h.Repeat {
		for _, l := range loads {
			for _, listener := range h.Listeners {
				measured, err := h.measure(ctx, l, listener)
				if err != nil {
					return nil, fmt.Errorf("%s on %s: %w", listener, l, err)
				}
				all = append(all, result{l, listener, measured})
				h.logf("%d/%d  %s on %s: %s notifications/s",
					len(all), total, listener, l, count(int(measured.rate)))
			}
		}
	}
	return all, nil
}

// measure makes one run: it prepares a database, starts a listener on it, warms both up, and
// measures them under the load.
func (h *harness) measure(ctx context.Context, l load, listener string) (_ figures, err error) {
	db, path, err := h.prepare(ctx, l)
	if err != nil {
		return figures{}, err
	}
	defer func() { err = errors.Join(err, db.release(context.WithoutCancel(ctx))) }()
	servers, err := h.startAll(ctx, listener, db.url, l.processes)
	if err != nil {
		return figures{}, err
	}
	defer func() { err = errors.Join(err, servers.stop()) }()
	if h.Warmup > 0 {
		if _, err := h.sendAll(ctx, servers, path, l, h.Warmup); err != nil {
			return figures{}, fmt.Errorf("warm up: %w", err)
		}
	}
	return h.observe(ctx, servers, func() (sent, error) {
		return h.sendAll(ctx, servers, path, l, h.For)
	})
}

// observe measures the resources that the processes use while load runs.
func (h *harness) observe(
	ctx context.Context, servers listeners, load func() (sent, error),
) (figures, error) {
	before, err := h.usage(ctx, servers)
	if err != nil {
		return figures{}, err
	}
	done, err := load()
	if err != nil {
		return figures{}, err
	}
	after, err := h.usage(ctx, servers)
	if err != nil {
		return figures{}, err
	}
	memory, err := servers.peakMemory()
	return done.figures(after.minus(before), memory), err
}

// usage is the CPU time that the listener and PostgreSQL have used so far.
type usage struct{ listener, database time.Duration }

func (u usage) minus(before usage) usage {
	return usage{u.listener - before.listener, u.database - before.database}
}

func (h *harness) usage(ctx context.Context, servers listeners) (u usage, err error) {
	if u.listener, err = servers.cpuTime(); err != nil {
		return u, err
	}
	u.database, err = h.databases.cpuTime(ctx)
	return u, err
}
