package store

// Option changes how much a [Store] takes on.
type Option func(*options)

type options struct {
	committers    int
	queueMessages int
	queueBytes    int64
}

// The defaults of the options.
const (
	DefaultCommitters    = 2
	DefaultQueueMessages = 4096
	DefaultQueueBytes    = 64 << 20
)

func newOptions(given []Option) options {
	o := options{DefaultCommitters, DefaultQueueMessages, DefaultQueueBytes}
	for _, option := range given {
		option(&o)
	}
	return o
}

// Committers is how many transactions may save messages at once on PostgreSQL, at least 1: while one waits for the
// disk, another can work. A slow disk wants more than [DefaultCommitters]. SQLite has one writer and no use for it.
func Committers(n int) Option { return func(o *options) { o.committers = max(n, 1) } }

// Queue is how many messages may be in the works at once, and about how many bytes of memory theirs may take together;
// what is beyond is refused with [ErrOverloaded]. A message that is larger by itself has to come alone.
func Queue(messages int, bytes int64) Option {
	return func(o *options) { o.queueMessages, o.queueBytes = messages, bytes }
}
