package handlers

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// Nobody has more than the timeout, and nobody less than 99 hundredths of it.
func TestSharedDeadlines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &deadlines{timeout: 10 * time.Second}
		different := map[context.Context]bool{}
		for range 1000 {
			now := time.Now()
			ctx := d.next(now)
			different[ctx] = true
			deadline, _ := ctx.Deadline()
			if left := deadline.Sub(now); left <= 9900*time.Millisecond || left > 10*time.Second {
				t.Fatalf("got %s, want 9.9 s to 10 s", left)
			}
			<-time.After(10 * time.Millisecond)
		}
		if len(different) != 100 {
			t.Errorf("got %d contexts in 10 s, want 100", len(different))
		}
		last := d.next(time.Now())
		<-last.Done()
		if err := last.Err(); err != context.DeadlineExceeded {
			t.Errorf("got %v", err)
		}
		if next := d.next(time.Now()); next.Err() != nil {
			t.Error("the next request gets a context that has ended")
		}
		synctest.Wait()
	})
}
