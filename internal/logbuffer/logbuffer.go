// Package logbuffer writes log lines without making whoever logs wait: not for a system call, and
// not for a pipe that nobody reads.
package logbuffer

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxBytes is how many bytes wait to be written at most. Lines beyond that are dropped.
	maxBytes = 1 << 20
	// flushAfter is how long a line waits at most before it is written.
	flushAfter = 100 * time.Millisecond
	// closeTimeout is how long the last lines may take to be written.
	closeTimeout = 2 * time.Second
)

// Buffer is an io.Writer of lines that another goroutine writes to a sink. It is safe for
// concurrent use.
type Buffer struct {
	sink    io.Writer
	lines   slog.Handler // writes to the buffer
	notices slog.Handler // writes to the sink; for run alone
	dropped atomic.Int64

	mu      sync.Mutex
	waiting []byte
	lost    int64       // lines dropped since the last take
	soon    *time.Timer // nil while nothing waits
	ended   bool        // whether run has written all and ended

	flush, closing, end chan struct{}
	close               sync.Once
}

// New returns a Buffer that writes to a sink, and whose log lines have the form of a handler. It
// must be closed.
func New(sink io.Writer, form func(io.Writer) slog.Handler) *Buffer {
	b := &Buffer{
		sink: sink, notices: form(sink),
		flush: make(chan struct{}, 1), closing: make(chan struct{}), end: make(chan struct{}),
	}
	b.lines = form(b)
	go b.run()
	return b
}

// Write takes a line. It never fails and, until the buffer is closed, never waits: a line for which
// there is no room is counted and dropped.
func (b *Buffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.ended:
		return b.sink.Write(line)
	case len(b.waiting)+len(line) > maxBytes:
		b.lost++
		b.dropped.Add(1)
		return len(line), nil
	}
	b.waiting = append(b.waiting, line...)
	if b.soon == nil {
		b.soon = time.AfterFunc(flushAfter, b.Flush)
	}
	return len(line), nil
}

// Flush makes the lines that wait be written at once. It does not wait for that.
func (b *Buffer) Flush() {
	select {
	case b.flush <- struct{}{}:
	default: // they are about to be
	}
}

// Dropped returns how many lines were dropped.
func (b *Buffer) Dropped() int64 { return b.dropped.Load() }

// Close writes the lines that wait, for up to two seconds. Lines that come later are written at
// once.
func (b *Buffer) Close() {
	b.close.Do(func() { close(b.closing) })
	timer := time.NewTimer(closeTimeout)
	defer timer.Stop()
	select {
	case <-b.end:
	case <-timer.C: // nobody reads the log
	}
}

// run writes what waits, whenever it should be, until the buffer is closed and nothing waits.
func (b *Buffer) run() {
	defer close(b.end)
	var spare []byte
	for {
		closing := false
		select {
		case <-b.flush:
		case <-b.closing:
			closing = true
		}
		lines, lost := b.take(spare, closing)
		if closing && len(lines) == 0 && lost == 0 {
			return
		}
		if len(lines) > 0 {
			_, _ = b.sink.Write(lines) // there is nowhere to report it
		}
		if lost > 0 {
			b.report(lost)
		}
		spare = lines[:0]
	}
}

// take returns the lines that wait and how many were dropped meanwhile, and lets further ones wait
// in an empty buffer. If there are none at the end, run ends.
func (b *Buffer) take(empty []byte, closing bool) (lines []byte, lost int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	lines, lost = b.waiting, b.lost
	b.waiting, b.lost = empty, 0
	if b.soon != nil {
		b.soon.Stop()
		b.soon = nil
	}
	b.ended = closing && len(lines) == 0 && lost == 0
	return lines, lost
}

// report writes how many lines are missing at this place, whatever level the log has.
func (b *Buffer) report(lost int64) {
	const message = "log lines dropped: the log is not read fast enough"
	r := slog.NewRecord(time.Now(), slog.LevelWarn, message, 0)
	r.AddAttrs(slog.Int64("lines", lost))
	_ = b.notices.Handle(context.Background(), r) // there is nowhere to report it
}

// handler flushes the buffer after a warning or an error.
type handler struct {
	slog.Handler
	buffer *Buffer
}

// Handler returns the handler of the log: lines of warnings and errors are written at once.
func (b *Buffer) Handler() slog.Handler { return handler{b.lines, b} }

// Handle implements [slog.Handler].
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	err := h.Handler.Handle(ctx, r)
	if r.Level >= slog.LevelWarn {
		h.buffer.Flush()
	}
	return err
}

// WithAttrs implements [slog.Handler].
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs), h.buffer}
}

// WithGroup implements [slog.Handler].
func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.Handler.WithGroup(name), h.buffer}
}
