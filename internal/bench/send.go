package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"sync"
	"time"
)

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
	P999    float64          `json:"p999_ms"`
	cpu     time.Duration
}

// sendAll loads all processes of a listener for a time. Each gets its share of the senders.
func (h *harness) sendAll(
	ctx context.Context, to listeners, path string, l load, duration time.Duration,
) (total sent, err error) {
	parts, errs := make([]sent, len(to)), make([]error, len(to))
	var running sync.WaitGroup
	for i, server := range to {
		part := l
		part.senders = l.senders*(i+1)/len(to) - l.senders*i/len(to)
		running.Go(func() { parts[i], errs[i] = h.send(ctx, server.url+path, part, duration) })
	}
	running.Wait()
	return sum(parts), errors.Join(errs...)
}

// sum returns the summary of several sends that ran at the same time. Its percentiles are the
// largest, because those of all together are not known.
func sum(parts []sent) sent {
	total := sent{Reasons: map[string]int64{}}
	for _, s := range parts {
		total.Posts += s.Posts
		total.Acked += s.Acked
		total.Failed += s.Failed
		for reason, count := range s.Reasons {
			total.Reasons[reason] += count
		}
		total.cpu += s.cpu
		total.Elapsed = max(total.Elapsed, s.Elapsed)
		total.P50, total.P99 = max(total.P50, s.P50), max(total.P99, s.P99)
		total.P999 = max(total.P999, s.P999)
	}
	total.Rate = float64(total.Acked) / total.Elapsed
	return total
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
	each := func(cpu time.Duration) float64 { return float64(cpu.Microseconds()) / float64(s.Acked) }
	return figures{
		envelopes: float64(s.Posts) / s.Elapsed, rate: s.Rate, p50: s.P50, p99: s.P99, p999: s.P999,
		ownCPU: cores(used.listener), databaseCPU: cores(used.database), senderCPU: cores(s.cpu),
		ownCost: each(used.listener), databaseCost: each(used.database),
		cost:   each(used.listener + used.database),
		memory: float64(memory) / (1 << 20), failed: float64(s.Failed),
	}
}
