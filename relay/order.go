package relay

import (
	"context"
	"fmt"
	"slices"

	"ackbox/store"
)

// order is what is known about the records of a destination whose ordering regards them.
type order struct {
	store       Store
	destination int64
	ordering    store.Ordering
	// blocked counts the exceptions of each record that are still to be delivered.
	blocked map[string]int
	// busy counts the notifications of each record that are being sent.
	busy  map[string]int
	marks map[string]store.Mark // a part of those in the database; without an id if there is none
}

// maxMarks is how many marks are kept in memory, and those of a batch more.
const maxMarks = 100_000

func (o *order) regarded() bool { return o.ordering != store.OrderNone }

// recordOf identifies the record of a notification. Those without one are records of their own.
func recordOf(n *store.Notification) string {
	if n.RecordID == nil || *n.RecordID == "" {
		return fmt.Sprintf("notification %d", n.ID)
	}
	return n.Source + "/" + n.OrganizationID[:min(15, len(n.OrganizationID))] + "/" +
		(*n.RecordID)[:min(15, len(*n.RecordID))]
}

// prepare decides the fates of items that the filter lets through. It returns how many of them may
// be sent now: one of a record that is being sent must wait, and so must what follows it.
func (o *order) prepare(ctx context.Context, items []item) (int, error) {
	if !o.regarded() {
		return len(items), nil
	}
	for i := range items {
		if items[i].fate != wanted {
			continue
		}
		items[i].record = recordOf(items[i].notification)
		if o.busy[items[i].record] > 0 && o.blocked[items[i].record] == 0 {
			items = items[:i]
			break
		}
	}
	if err := o.loadMarks(ctx, items); err != nil {
		return 0, err
	}
	for i := range items {
		o.decide(&items[i])
	}
	return len(items), nil
}

// judge decides the fates of items whose records wait for them.
func (o *order) judge(ctx context.Context, items []item) error {
	if !o.regarded() {
		return nil
	}
	for i := range items {
		if items[i].fate == wanted {
			items[i].record = recordOf(items[i].notification)
		}
	}
	if err := o.loadMarks(ctx, items); err != nil {
		return err
	}
	for i := range items {
		if items[i].fate == wanted && o.judgeAge(&items[i]) {
			items[i].fate = skipped
		}
	}
	return nil
}

// judgeAge decides whether an item is stale. It reports whether the destination does not want it
// then.
func (o *order) judgeAge(item *item) (skip bool) {
	mark := o.marks[item.record]
	item.stale = mark.NotificationID != 0 && isOlder(item.notification, &mark)
	return item.stale && o.ordering == store.OrderLatest
}

// decide decides the fate of a wanted item.
func (o *order) decide(item *item) {
	switch {
	case item.fate != wanted:
	case o.judgeAge(item):
		item.fate = skipped
	case o.blocked[item.record] > 0:
		item.fate = held
	}
}

// isOlder reports whether a notification is older than a mark: by the time of the change where it is
// known of both, else by the order in which they were stored.
func isOlder(n *store.Notification, mark *store.Mark) bool {
	if n.ChangedAt != nil && mark.ChangedAt != nil {
		return n.ChangedAt.Before(*mark.ChangedAt)
	}
	return n.ID < mark.NotificationID
}

// loadMarks reads the marks of the items' records that are not in memory.
func (o *order) loadMarks(ctx context.Context, items []item) error {
	if len(o.marks) > maxMarks {
		clear(o.marks)
	}
	var missing []string
	for i := range items {
		if items[i].fate != wanted {
			continue
		}
		if _, known := o.marks[items[i].record]; !known {
			missing = append(missing, items[i].record)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	missing = slices.Compact(missing)
	found, err := o.store.Marks(ctx, o.destination, missing)
	if err != nil {
		return err
	}
	for _, record := range missing {
		o.marks[record] = found[record]
	}
	return nil
}

// begin is called before items are sent, and end when they are settled. Those that are held count,
// too: until they have a row, nothing else shows that a later one must wait.
func (o *order) begin(items []item) {
	for i := range items {
		if items[i].record != "" && (items[i].fate == wanted || items[i].fate == held) {
			items[i].busy = true
			o.busy[items[i].record]++
		}
	}
}

func (o *order) end(items []item) {
	for i := range items {
		if record := items[i].record; items[i].busy {
			items[i].busy = false
			if o.busy[record]--; o.busy[record] == 0 {
				delete(o.busy, record)
			}
		}
	}
}

// delivered returns the mark of a record to which a notification was delivered, if it is a newer one,
// and takes it over.
func (o *order) delivered(n *store.Notification, record string) (store.Mark, bool) {
	mark := o.marks[record]
	if mark.NotificationID != 0 && isOlder(n, &mark) || mark.NotificationID == n.ID {
		return mark, false
	}
	mark = store.Mark{Record: record, NotificationID: n.ID, ChangedAt: n.ChangedAt}
	o.marks[record] = mark
	return mark, true
}

// opened records an exception of a record that is still to be delivered.
func (o *order) opened(record string) {
	if o.regarded() {
		o.blocked[record]++
	}
}

// closed records that an exception is settled. It reports whether the next one of its record may
// have to be freed.
func (o *order) closed(record string) (next bool) {
	if !o.regarded() {
		return false
	}
	if o.blocked[record]--; o.blocked[record] <= 0 {
		delete(o.blocked, record)
		return false
	}
	return true
}

// waves calls send with the wanted items, so that one of a record is sent after the other, in the
// order in which they changed, as far as that is known. What follows one that failed is held.
func (o *order) waves(items []item, send func(wave []*item)) {
	var wave []*item
	if !o.regarded() {
		for i := range items {
			if items[i].unsent() {
				wave = append(wave, &items[i])
			}
		}
		if len(wave) > 0 {
			send(wave)
		}
		return
	}
	for chains := chainsOf(items); len(chains) > 0; {
		wave = wave[:0]
		for _, chain := range chains {
			wave = append(wave, chain[0])
		}
		send(wave)
		chains = slices.DeleteFunc(nextLinks(chains), func(c []*item) bool { return len(c) == 0 })
	}
}

// chainsOf returns the wanted items of each record, in the order in which they are to be sent.
func chainsOf(items []item) (chains [][]*item) {
	index := make(map[string]int, len(items))
	for i := range items {
		if !items[i].unsent() {
			continue
		}
		at, known := index[items[i].record]
		if !known {
			at = len(chains)
			index[items[i].record], chains = at, append(chains, nil)
		}
		chains[at] = append(chains[at], &items[i])
	}
	for _, chain := range chains {
		if len(chain) > 1 && !slices.ContainsFunc(chain, func(i *item) bool { return i.notification.ChangedAt == nil }) {
			slices.SortStableFunc(chain, func(a, b *item) int {
				return a.notification.ChangedAt.Compare(*b.notification.ChangedAt)
			})
		}
	}
	return chains
}

// nextLinks removes the first item of each chain, and all of a chain whose first item failed: they
// are held.
func nextLinks(chains [][]*item) [][]*item {
	for i, chain := range chains {
		if chain[0].verdict.Outcome != Success {
			for _, behind := range chain[1:] {
				behind.fate = held
			}
			chain = chain[:1]
		}
		chains[i] = chain[1:]
	}
	return chains
}
