package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbox/store"
)

// pruned is a database that was pruned at these times, since the first.
type pruned struct {
	first  time.Time
	after  []time.Duration
	errors []error // of the prunes, in their order
}

func (p *pruned) Prune(
	_ context.Context, now time.Time, _ store.Retention, _ func(int64),
) (deleted int64, err error) {
	if p.first.IsZero() {
		p.first = now
	}
	p.after = append(p.after, now.Sub(p.first))
	if n := len(p.after); n <= len(p.errors) {
		err = p.errors[n-1]
	}
	return 3, err
}

func TestServePrunesAtOnceAndEveryHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := &pruned{errors: []error{store.ErrPruning, errors.New("disk full")}}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- pruneRegularly(ctx, db, store.MinRetention) }()
		<-time.After(3*time.Hour + time.Minute)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		want := []time.Duration{0, time.Hour, 2 * time.Hour, 3 * time.Hour}
		if diff := cmp.Diff(want, db.after); diff != "" {
			t.Errorf("pruned after (-want +got):\n%s", diff)
		}
	})
}

func TestServePrunesNothingByDefault(t *testing.T) {
	t.Parallel()
	db := &pruned{}
	if err := pruneRegularly(t.Context(), db, 0); err != nil || len(db.after) != 0 {
		t.Errorf("got %v, and %d prunes", err, len(db.after))
	}
}

func TestSizeText(t *testing.T) {
	t.Parallel()
	sized := func(bytes, free, growth int64) store.Size {
		return store.Size{Bytes: bytes, Free: &free, Growth: &growth}
	}
	for want, size := range map[string]store.Size{
		"the database takes 5.0 MiB":                            {Bytes: 5 << 20},
		"the database takes 5.0 MiB and grows by 1.0 MiB a day": {Bytes: 5 << 20, Growth: new(int64(1 << 20))},
		"the database takes 5.0 MiB; its disk has room for 1.0 GiB": {
			Bytes: 5 << 20, Free: new(int64(1 << 30)),
		},
		"the database takes 5.0 MiB and grows by 1.0 MiB a day; its disk has room for 3.0 MiB, which is 3 days": sized(
			5<<20, 3<<20, 1<<20),
		"the database takes 5.0 MiB and grows by 1.0 MiB a day; its disk has room for 1.0 MiB, which is 1 day": sized(
			5<<20, 1<<20, 1<<20),
		"the database takes 5.0 MiB and grows by 1.0 MiB a day; its disk has room for 3 B, which is less than a day": sized(
			5<<20, 3, 1<<20),
		"the database takes 5.0 MiB and grows by 0 B a day; its disk has room for 3 B, which is more than ten years": sized(
			5<<20, 3, 0),
	} {
		if got := sizeText(size); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
