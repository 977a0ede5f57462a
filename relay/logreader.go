package relay

import (
	"context"

	"ackbox/store"
)

// readAhead is how many notifications are read at once at most.
const readAhead = 1000

// logReader reads the log for one destination: at its end from the tail that the destinations
// share, before that for itself. All but a read runs in the goroutine of its runner.
type logReader struct {
	log  *store.NotificationLog
	tail *tail
	life int
	own  *store.LogReader

	rows    []*store.Notification // that were read and not taken
	next    int64                 // the cursor after them
	seeks   int
	reading bool
	again   bool // it may have more than the read finds that runs
	atEnd   bool // of the log, until woken
}

// newLogReader returns a reader. The cursor to begin with must be read after that.
func newLogReader(ctx context.Context, t *tail) (*logReader, error) {
	life, err := t.join(ctx)
	if err != nil {
		return nil, err
	}
	own, err := t.log.Reader(ctx)
	if err != nil {
		return nil, err
	}
	return &logReader{log: t.log, tail: t, life: life, own: own}, nil
}

// seek makes the reader go on after an id.
func (l *logReader) seek(cursor int64) {
	l.seeks++
	l.rows, l.next, l.atEnd = nil, cursor, false
}

// wake says that there may be more.
func (l *logReader) wake() { l.atEnd, l.again = false, l.reading }

// idle reports whether there is nothing more to take.
func (l *logReader) idle() bool { return len(l.rows) == 0 && l.atEnd }

// held reports whether a transaction keeps the end of the log from moving on.
func (l *logReader) held() bool {
	_, held := l.log.Hold()
	return held && l.atEnd
}

// peek returns the next notifications, at most that many and [maxBatchBytes], and the cursor after
// them. Without any, that is where the reader is.
func (l *logReader) peek(most int) (rows []*store.Notification, next int64) {
	n, bytes := 0, 0
	for n < min(most, len(l.rows)) {
		if bytes += sizeOf(l.rows[n]); n > 0 && bytes > maxBatchBytes {
			break
		}
		n++
	}
	if n == len(l.rows) {
		return l.rows, l.next
	}
	return l.rows[:n], l.rows[n-1].ID
}

// take removes the next notifications.
func (l *logReader) take(n int) { l.rows = l.rows[n:] }

// read returns a function that reads on, or nil if enough was read or there is no more.
func (l *logReader) read(enough int) func(ctx context.Context) completion {
	if l.reading || l.atEnd || len(l.rows) >= enough {
		return nil
	}
	l.reading, l.again = true, false
	seeks, after := l.seeks, l.next
	return func(ctx context.Context) completion {
		p, err := l.after(ctx, after)
		return func(context.Context) error {
			l.reading = false
			if err != nil || l.seeks != seeks {
				return err
			}
			l.rows, l.next = append(l.rows, p.rows...), p.next
			l.atEnd = !p.more && !l.again // whoever stores more says so
			return nil
		}
	}
}

// after reads what follows an id.
func (l *logReader) after(ctx context.Context, id int64) (part, error) {
	p, ok, err := l.tail.after(ctx, l.life, id, readAhead)
	if ok || err != nil {
		return p, err
	}
	page, err := l.own.Read(ctx, id, readAhead)
	if err != nil {
		return part{}, err
	}
	if !page.More {
		l.tail.reached(l.life, page.Next)
	}
	p = part{rows: make([]*store.Notification, len(page.Notifications)), next: page.Next, more: page.More}
	for i := range page.Notifications {
		p.rows[i] = &page.Notifications[i]
	}
	return p, nil
}
