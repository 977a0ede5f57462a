package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
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

// start starts a listener on a database and waits until it is ready.
func (h *harness) start(ctx context.Context, name, databaseURL string) (_ *listener, err error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	l := &listener{
		url: "http://127.0.0.1:" + strconv.Itoa(port), log: h.binary(name) + ".log",
		exited: make(chan error, 1),
	}
	output, err := os.Create(l.log)
	if err != nil {
		return nil, err
	}
	defer output.Close() // the process has its own handle
	ctx, l.cancel = context.WithCancel(ctx)
	var args []string
	if name == "ackbox" {
		args = append([]string{"serve", "--host", "127.0.0.1"}, h.ServerArg...)
	}
	l.cmd = exec.CommandContext(ctx, h.binary(name), args...)
	l.cmd.Env = append(os.Environ(), "DATABASE_URL="+databaseURL, "PORT="+strconv.Itoa(port))
	l.cmd.Stdout, l.cmd.Stderr = output, output
	stopGracefully(l.cmd)
	if err := l.cmd.Start(); err != nil {
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

// sent is the summary of ackbox send, and the CPU time that it used.
type sent struct {
	Posts   int64            `json:"posts"`
	Acked   int64            `json:"acked"`
	Failed  int64            `json:"failed"`
	Reasons map[string]int64 `json:"reasons"`
	Elapsed float64          `json:"elapsed_seconds"`
	Rate    float64          `json:"acked_per_second"`
	P50     float64          `json:"p50_ms"`
	P99     float64          `json:"p99_ms"`
	cpu     time.Duration
}

// send loads a URL for a time. Messages without an Ack are counted and are no error, unless nothing
// is acked.
func (h *harness) send(
	ctx context.Context, url string, l load, duration time.Duration,
) (done sent, err error) {
	cmd := exec.CommandContext(ctx, h.binary("ackbox"), "send", url, "--json",
		"--for", duration.String(), "--concurrency", strconv.Itoa(l.senders),
		"--notifications", strconv.Itoa(l.notifications))
	stopGracefully(cmd)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	summary, err := cmd.Output()
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed || ctx.Err() != nil {
		return done, errors.Join(err, ctx.Err())
	}
	if err := json.Unmarshal(summary, &done); err != nil {
		return done, fmt.Errorf("read summary of send: %w: %s", err, stderr.Bytes())
	}
	if done.Acked == 0 {
		return done, fmt.Errorf("nothing was acked: %v", done.Reasons)
	}
	done.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return done, nil
}

// figures returns the figures of a run.
func (s sent) figures(used usage, memory int64) figures {
	cores := func(cpu time.Duration) float64 { return cpu.Seconds() / s.Elapsed }
	return figures{
		envelopes: float64(s.Posts) / s.Elapsed, rate: s.Rate, p50: s.P50, p99: s.P99,
		ownCPU: cores(used.listener), databaseCPU: cores(used.database), senderCPU: cores(s.cpu),
		cost:   float64((used.listener + used.database).Microseconds()) / float64(s.Acked),
		memory: float64(memory) / (1 << 20), failed: float64(s.Failed),
	}
}
