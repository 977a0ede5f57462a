// Package logbuffer writes log lines without making whoever logs wait: not for a system call, and not
// for a pipe that nobody reads.
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

// Buffer is an io.Writer of lines that another goroutine writes on. It is safe for concurrent use.
type Buffer struct {
	sink    io.Writer
	dropped atomic.Int64

	mu      sync.Mutex
	waiting []byte
	soon    *time.Timer // nil while nothing waits
	closed  bool

	flush, closing, ended chan struct{}
}

// New returns a Buffer that writes to a sink. It must be closed.
func New(sink io.Writer) *Buffer {
	b := &Buffer{
		sink: sink, flush: make(chan struct{}, 1), closing: make(chan struct{}), ended: make(chan struct{}),
	}
	go b.run()
	return b
}

// Write takes a line. It never fails and never waits: a line for which there is no room is counted
// and dropped.
func (b *Buffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return b.sink.Write(line)
	case len(b.waiting)+len(line) > maxBytes:
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

// isRead reports whether the log is read again: little waits to be written.
func (b *Buffer) isRead() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.waiting) < maxBytes/2
}

// Close writes the lines that wait, for up to two seconds. Lines that come later are written at
// once.
func (b *Buffer) Close() {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return
	}
	b.closed = true
	close(b.closing)
	b.mu.Unlock()
	timer := time.NewTimer(closeTimeout)
	defer timer.Stop()
	select {
	case <-b.ended:
	case <-timer.C: // nobody reads the log
	}
}

// run writes what waits, whenever it should be, until the buffer is closed.
func (b *Buffer) run() {
	defer close(b.ended)
	var spare []byte
	for open := true; open; {
		select {
		case <-b.flush:
		case <-b.closing:
			open = false
		}
		lines := b.take(spare)
		if len(lines) > 0 {
			_, _ = b.sink.Write(lines) // there is nowhere to report it
		}
		spare = lines[:0]
	}
}

// take returns the lines that wait, and lets further ones wait in an empty buffer.
func (b *Buffer) take(empty []byte) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	lines := b.waiting
	b.waiting = empty
	if b.soon != nil {
		b.soon.Stop()
		b.soon = nil
	}
	return lines
}

// handler flushes the buffer after a warning or an error, and says how many lines were dropped.
type handler struct {
	slog.Handler
	buffer *Buffer
	said   *atomic.Int64 // how many dropped lines were said
}

// Handler returns a handler for one that writes to the buffer: lines of warnings and errors are
// written at once, and the next line after some were dropped says how many.
func (b *Buffer) Handler(h slog.Handler) slog.Handler { return handler{h, b, new(atomic.Int64)} }

// Handle implements [slog.Handler].
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	dropped, said := h.buffer.Dropped(), h.said.Load()
	if dropped > said && h.buffer.isRead() && h.said.CompareAndSwap(said, dropped) {
		lost := slog.NewRecord(r.Time, slog.LevelWarn, "log lines dropped: the log is not read fast enough", 0)
		lost.AddAttrs(slog.Int64("lines", dropped-said))
		if err := h.Handler.Handle(ctx, lost); err != nil {
			return err
		}
	}
	err := h.Handler.Handle(ctx, r)
	if r.Level >= slog.LevelWarn {
		h.buffer.Flush()
	}
	return err
}

// WithAttrs implements [slog.Handler].
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs), h.buffer, h.said}
}

// WithGroup implements [slog.Handler].
func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.Handler.WithGroup(name), h.buffer, h.said}
}
