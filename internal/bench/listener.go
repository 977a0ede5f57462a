package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"time"
)

const (
	startTimeout  = 30 * time.Second
	stopTimeout   = 30 * time.Second
	readyInterval = 20 * time.Millisecond
)

// listener is a running process that receives messages.
type listener struct {
	url    string // without a path
	log    string // the path of the file with its output
	cmd    *exec.Cmd
	cancel context.CancelFunc
	exited chan error
}

func (l *listener) pid() int { return l.cmd.Process.Pid }

// start starts a listener on a database and waits until it is ready. The number tells its log from
// those of others that run at the same time. The flags are for ackbox, which has those of the
// options, too.
func (h *harness) start(
	ctx context.Context, name, databaseURL string, number int, flags ...string,
) (_ *listener, err error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	l := &listener{
		url: "http://127.0.0.1:" + strconv.Itoa(port),
		log: fmt.Sprintf("%s-%d.log", h.binary(name), number),
	}
	var args []string
	if name == "ackbox" {
		args = append([]string{"serve", "--host", "127.0.0.1"}, slices.Concat(flags, h.ServerArg)...)
	}
	return h.launch(ctx, l, name, databaseURL, port, args...)
}

// launch starts the process of a listener and waits until it is ready.
func (h *harness) launch(
	ctx context.Context, l *listener, name, databaseURL string, port int, args ...string,
) (_ *listener, err error) {
	l.exited = make(chan error, 1)
	output, err := os.Create(l.log)
	if err != nil {
		return nil, err
	}
	defer output.Close() // the process has its own handle
	ctx, l.cancel = context.WithCancel(ctx)
	l.cmd = exec.CommandContext(ctx, h.binary(name), args...)
	l.cmd.Env = append(os.Environ(), "DATABASE_URL="+databaseURL, "PORT="+strconv.Itoa(port))
	l.cmd.Stdout, l.cmd.Stderr = output, output
	stopGracefully(l.cmd)
	if err := h.sync.start(l.cmd); err != nil {
		l.cancel()
		return nil, err
	}
	go func() { l.exited <- l.cmd.Wait() }()
	if err := l.waitReady(ctx); err != nil {
		return nil, errors.Join(err, l.stop())
	}
	return l, nil
}

// stopGracefully makes the command send SIGTERM when its context ends, and kill the process if it
// does not end then.
func stopGracefully(cmd *exec.Cmd) {
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopTimeout
}

// freePort returns a port that nothing listens on at this moment.
func freePort(ctx context.Context) (int, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

func (l *listener) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	ticker := time.NewTicker(readyInterval)
	defer ticker.Stop()
	for !l.ready(ctx) {
		select {
		case err := <-l.exited:
			l.exited <- err
			return fmt.Errorf("the listener ended: %w\n%s", err, l.output())
		case <-ctx.Done():
			return fmt.Errorf("the listener is not ready: %w\n%s", ctx.Err(), l.output())
		case <-ticker.C:
		}
	}
	return nil
}

func (l *listener) ready(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url+"/readyz", nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// output returns the end of what the listener printed.
func (l *listener) output() string {
	const enough = 2000
	text, err := os.ReadFile(l.log)
	if err != nil {
		return ""
	}
	return string(text[max(0, len(text)-enough):])
}

// stop stops the process and waits until it has ended.
func (l *listener) stop() error {
	l.cancel()
	if err := <-l.exited; err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("stop listener: %w\n%s", err, l.output())
	}
	return nil
}

// listeners are the processes of one listener, which share a database.
type listeners []*listener

// startAll starts some processes of a listener on a database.
func (h *harness) startAll(
	ctx context.Context, name, databaseURL string, processes int,
) (started listeners, err error) {
	for i := range processes {
		l, err := h.start(ctx, name, databaseURL, i+1)
		if err != nil {
			return nil, errors.Join(err, started.stop())
		}
		started = append(started, l)
	}
	return started, nil
}

func (all listeners) stop() (err error) {
	for _, l := range all {
		err = errors.Join(err, l.stop())
	}
	return err
}

// cpuTime returns the CPU time that all have used so far.
func (all listeners) cpuTime() (total time.Duration, err error) {
	for _, l := range all {
		used, err := cpuTime(l.pid())
		if err != nil {
			return 0, err
		}
		total += used
	}
	return total, nil
}

// peakMemory returns the sum of the peaks of all, in bytes.
func (all listeners) peakMemory() (total int64, err error) {
	for _, l := range all {
		peak, err := peakMemory(l.pid())
		if err != nil {
			return 0, err
		}
		total += peak
	}
	return total, nil
}
