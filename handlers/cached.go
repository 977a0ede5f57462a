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
		c.began = time.Now()
		if c.value, c.err = c.ask(context.WithoutCancel(ctx)); c.err == nil {
			good := c.value
			c.good.Store(&good)
		}
	}
	return c.value, c.err
}

// last returns the last answer that was no error; ok is false while there was none.
func (c *cached[T]) last() (value T, ok bool) {
	if good := c.good.Load(); good != nil {
		return *good, true
	}
	return value, false
}
