package handlers

import (
	"context"
	"time"
)

// periodic is work that is done at once and then again and again.
type periodic struct {
	every time.Duration
	do    func(ctx context.Context) error
	// changed is called when the work begins to fail, with the error, and when it works again, with
	// nil: not each time.
	changed func(err error)
}

// run does the work until the context ends.
func (p periodic) run(ctx context.Context) {
	ticker := time.NewTicker(p.every)
	defer ticker.Stop()
	for failing := false; ; {
		err := p.do(ctx)
		if ctx.Err() != nil {
			return
		}
		if (err != nil) != failing {
			failing = err != nil
			p.changed(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
