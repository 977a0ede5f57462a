package store

import "log/slog"

// Option changes a limit or the log of a [Store].
type Option func(*options)

type options struct {
	committers   int
	queueBatches int
	queueBytes   int64
	log          *slog.Logger
}

func newOptions(given []Option) options {
	o := options{committers: 2, queueBatches: 4096, queueBytes: 64 << 20, log: slog.Default()}
	for _, option := range given {
		option(&o)
	}
	return o
}

// Committers sets how many transactions may save batches at once on PostgreSQL, at least 1: while
// one waits for the disk, another can work. A slow disk needs more than the default of 2. SQLite
// has one writer and ignores this option.
func Committers(n int) Option { return func(o *options) { o.committers = max(n, 1) } }

// Queue sets how many batches may be in the queue at once, those being committed included, and
// about how many bytes of memory they may take together. Beyond that [Store.Save] returns
// [ErrOverloaded]. A batch that is larger by itself is accepted only while the queue is empty. The
// defaults are 4096 batches and 64 MiB.
func Queue(batches int, bytes int64) Option {
	return func(o *options) { o.queueBatches, o.queueBytes = batches, bytes }
}

// Log sets where the store reports what it returns to no caller: a panic, what a migration waits
// for, and parameters of a URL that are left out. The default is [slog.Default].
func Log(log *slog.Logger) Option { return func(o *options) { o.log = log } }
