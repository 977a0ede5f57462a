package store

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A queue in a bubble: the only time that passes is what its commits take.
func TestATransactionBeginsWhenTheOthersAreSlow(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		takes time.Duration // each commit
		want  []int         // sizes of the groups
	}{
		"a disk that syncs fast": {takes: slowCommit / 2, want: []int{1, 3}},
		"a slow disk":            {takes: 10 * slowCommit, want: []int{1, 2, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var got []int
				q := newQueue(2, options{queueBatches: 10, queueBytes: 1 << 20},
					func(_ context.Context, batches []*pending) error {
						mu.Lock()
						got = append(got, len(batches))
						mu.Unlock()
						<-time.After(test.takes)
						for _, p := range batches {
							p.answer(Saved{}, nil)
						}
						return nil
					})
				add := func() {
					if err := q.add(newPending(nil, nil)); err != nil {
						t.Error(err)
					}
					synctest.Wait()
				}
				add()
				add()
				<-time.After(slowCommit / 4)
				add()
				if test.takes > slowCommit {
					<-time.After(slowCommit)
				}
				add()
				q.running.Wait()
				if !slices.Equal(got, test.want) {
					t.Errorf("got groups of %v, want %v", got, test.want)
				}
			})
		})
	}
}
