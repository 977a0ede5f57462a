package handlers

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// cached remembers the answer to a question, so that the database is not asked more often than it
// must be. Whoever asks while another does waits for that answer and takes it, even when it is an
// error: of those who wait for a database that does not answer, each would otherwise wait for all
// before it.
type cached[T any] struct {
	ask    func(ctx context.Context) (T, error)
	asking *semaphore.Weighted // of one
	began  time.Time           // when the question was asked last
	asked  atomic.Int64        // how often it was asked
	value  T
	err    error
	good   atomic.Pointer[T] // the last answer that was no error
}

func newCached[T any](ask func(ctx context.Context) (T, error)) *cached[T] {
	return &cached[T]{ask: ask, asking: semaphore.NewWeighted(1)}
}

// get returns the answer to a question that was asked less than maxAge before the call, or after
// it. An error that is not the question's is that of the context. The question itself is not ended
// by it: others may wait for the answer.
func (c *cached[T]) get(ctx context.Context, maxAge time.Duration) (T, error) {
	came := time.Now()
	if err := c.asking.Acquire(ctx, 1); err != nil {
		return *new(T), err
	}
	defer c.asking.Release(1)
	if came.Sub(c.began) >= maxAge {
		c.askNow(ctx)
	}
	return c.value, c.err
}

// getNext returns the answer to a question that was asked after the call. Between two questions is
// at least pace: whoever calls meanwhile waits for the same answer.
func (c *cached[T]) getNext(ctx context.Context, pace time.Duration) (T, error) {
	before := c.asked.Load() // and not the time: a clock may stand still between two calls
	if err := c.asking.Acquire(ctx, 1); err != nil {
		return *new(T), err
	}
	defer c.asking.Release(1)
	if c.asked.Load() > before {
		return c.value, c.err
	}
	select {
	case <-time.After(pace - time.Since(c.began)): // at once if that is negative
	case <-ctx.Done():
		return *new(T), ctx.Err()
	}
	c.askNow(ctx)
	return c.value, c.err
}

// askNow asks the question. The caller has acquired asking.
func (c *cached[T]) askNow(ctx context.Context) {
	c.began = time.Now()
	c.asked.Add(1)
	if c.value, c.err = c.ask(context.WithoutCancel(ctx)); c.err == nil {
		good := c.value
		c.good.Store(&good)
	}
}

// last returns the last answer that was no error; ok is false while there was none.
func (c *cached[T]) last() (value T, ok bool) {
	if good := c.good.Load(); good != nil {
		return *good, true
	}
	return value, false
}
