package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
)

// errPanic means that a panic interrupted what was being done with the database.
var errPanic = errors.New("a panic interrupted it")

// guard calls do and turns a panic into an error.
func (s *Store) guard(do func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = s.panicked(v)
		}
	}()
	return do()
}

// commitGuarded calls [Store.commit]. If it panics, commitGuarded answers the batches that have no
// answer yet: the other groups, and the process, are not affected.
func (s *Store) commitGuarded(ctx context.Context, batches []*pending) (outage error) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		outage = s.panicked(v)
		for _, p := range batches {
			select {
			case p.outcome <- outcome{err: outage}:
			default: // it has an answer
			}
		}
	}()
	return s.commit(ctx, batches)
}

// panicked logs a panic and returns the error for it: what was being written may be stored. The
// panic's value is logged only if the runtime made it, as any other may quote a payload.
func (s *Store) panicked(v any) error {
	problem := fmt.Sprintf("%T", v)
	if err, ok := v.(runtime.Error); ok {
		problem = err.Error()
	}
	s.log.Error("panic in the store", "panic", problem, "stack", string(debug.Stack()))
	return fmt.Errorf("%w: %w", ErrUnavailable, errPanic)
}
