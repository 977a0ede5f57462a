package simulate

import (
	"time"

	"ackbox/soap"
)

// maxHeld is the maximum number of messages that are held back so that later ones overtake them.
const maxHeld = 32

// source creates messages.
type source interface {
	// produce returns the next new message.
	produce(q *queue, now time.Time) *batch
	// redeliver updates a notification that is sent again.
	redeliver(q *queue, i *item)
}

// takeNew returns a new message if one is due, or one that was held back; otherwise nil.
func (q *queue) takeNew(now time.Time) *batch {
	open := q.exists(q.made, now)
	if n := len(q.held); n > 0 && (!open || n >= maxHeld || q.chance(0.3)) {
		i := q.random.IntN(n)
		b := q.held[i]
		q.held[i] = q.held[n-1]
		q.held = q.held[:n-1]
		return b
	}
	for open && q.arrival(q.made) <= now.Sub(q.start) && q.hasRoom() {
		b := q.source.produce(q, now)
		q.made++
		q.counters.Messages++
		q.counters.Notifications += int64(len(b.items))
		if len(q.held) >= maxHeld || !q.chance(q.options.Disorder) {
			return b
		}
		q.held = append(q.held, b)
		open = q.exists(q.made, now)
	}
	if !open && len(q.held) > 0 {
		return q.takeNew(now)
	}
	return nil
}

// exists reports whether there is or will be a message of that number, counted from 0.
func (q *queue) exists(number int, now time.Time) bool {
	o := q.options
	switch {
	case o.Count > 0 && number >= o.Count:
		return false
	case o.For == 0:
		return true
	case o.Rate > 0:
		return q.arrival(number) < o.For
	}
	return now.Sub(q.start) < o.For
}

// hasRoom reports whether few enough notifications wait for their next try to create new messages.
func (q *queue) hasRoom() bool { return q.waiting < q.options.MaxRetrying }

// arrival returns when a message is due, as the time since the start.
func (q *queue) arrival(number int) time.Duration {
	o := q.options
	if o.Rate == 0 {
		return 0
	}
	return time.Duration(float64(number/o.Burst*o.Burst) / o.Rate * float64(time.Second))
}

// pending returns how many new messages are due and not yet created.
func (q *queue) pending() int {
	o := q.options
	if q.started.IsZero() || o.Rate == 0 {
		return max(0, o.Count-q.made) // 0 without a Count: the number is unknown
	}
	elapsed := o.Clock.Now().Sub(q.start)
	if o.For > 0 {
		elapsed = min(elapsed, o.For)
	}
	arrived := (int(elapsed.Seconds()*o.Rate)/o.Burst + 1) * o.Burst
	if o.Count > 0 {
		arrived = min(arrived, o.Count)
	}
	return max(0, arrived-q.made)
}

// generated is a source of messages from a generator.
type generated struct {
	generator *Generator
	options   *SenderOptions
}

func (g *generated) produce(q *queue, now time.Time) *batch {
	size := g.options.Notifications
	n := size.Min
	if size.Max > size.Min {
		n += g.generator.random.IntN(size.Max - size.Min + 1)
	}
	b := &batch{items: make([]item, n)}
	for i := range b.items {
		id, record := g.generator.notification()
		b.items[i] = item{
			Notification: Notification{ID: id, Record: record.latest}, record: record, created: now,
		}
		g.delete(q, &b.items[i])
	}
	if q.chance(g.options.Disorder) {
		q.random.Shuffle(n, func(i, j int) { b.items[i], b.items[j] = b.items[j], b.items[i] })
	}
	return b
}

func (g *generated) redeliver(q *queue, i *item) {
	if q.chance(g.options.NewerData) {
		g.generator.change(i.record)
		i.Record = i.record.latest
	}
	g.delete(q, i)
}

// delete deletes the record of a notification with the probability Deleted. It stays deleted.
func (g *generated) delete(q *queue, i *item) {
	if !q.chance(g.options.Deleted) {
		return
	}
	switch g.options.DeletedForm {
	case DeletedAbsent:
		i.Record = nil
	case DeletedEmpty:
		i.Record = &Record{Object: i.Record.Object}
	case DeletedID:
		i.Record = &Record{Object: i.Record.Object, ID: i.Record.ID}
	}
	i.record = nil
}

// bodies is a source of messages from files.
type bodies struct{ messages []batch }

func newBodies(files [][]byte) *bodies {
	b := &bodies{messages: make([]batch, len(files))}
	for i, file := range files {
		b.messages[i].raw = append([]byte{}, file...) // not nil, even if empty
		message, err := soap.Decode(file, nil)
		if err != nil { // an invalid body is posted too, to test the listener
			b.messages[i].items = []item{{}}
			continue
		}
		for _, n := range message.Entries {
			b.messages[i].items = append(b.messages[i].items, item{Notification: Notification{ID: n.ID}})
		}
	}
	return b
}

func (b *bodies) produce(q *queue, now time.Time) *batch {
	m := b.messages[q.made%len(b.messages)]
	made := &batch{raw: m.raw, items: append([]item{}, m.items...)}
	for i := range made.items {
		made.items[i].created = now
	}
	return made
}

func (b *bodies) redeliver(*queue, *item) {}
