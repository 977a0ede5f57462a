package soap

import (
	"encoding/json"
	"sync"
	"time"

	"ackbox/ledger"
)

// span is a range of offsets in one of the decoder's buffers.
type span struct{ start, end int }

// text is a span of decoder.texts. It is only valid if found is true.
type text struct {
	span
	found bool
}

// notification is a notification while it is decoded. If it has a plan, the object type is that of
// the plan.
type notification struct {
	id, objectType, recordID text
	plan                     *plan
	place                    int  // in the plan, of the field that is probably next
	prefix                   text // of fields, in the body, with its colon; only with a plan
	hasRecord                bool
	fields                   span // of decoder.out; empty without a record
	digest                   ledger.Digest
	changedAt                time.Time
	stamped                  bool // whether changedAt is the SystemModstamp
	drift                    int
}

func (d *decoder) textFrom(start int) text { return text{span{start, d.texts.length}, true} }

func (d *decoder) bytesOf(t text) []byte { return d.texts.buffer[t.start:t.end] }

// batch returns the decoded message. All texts share one string and all fields one array, so that
// the number of allocations does not depend on the message; a large array is not copied.
func (d *decoder) batch() *ledger.Batch {
	texts := string(d.texts.written())
	out := json.RawMessage(d.out.written())
	if len(d.out.buffer) <= maxKept { // else release drops the buffer, and nothing writes to it
		out = append(json.RawMessage(nil), out...)
	}
	b, optional := newBatch(len(d.notifications))
	b.Intake = ledger.SOAP
	b.OrganizationID = texts[d.organization.start:d.organization.end]
	b.ActionID = texts[d.action.start:d.action.end]
	b.Oddities = d.oddities
	pointer := func(t text) *string {
		if !t.found {
			return nil
		}
		optional = append(optional, texts[t.start:t.end])
		return &optional[len(optional)-1]
	}
	for i := range d.notifications {
		n, to := &d.notifications[i], &b.Entries[i]
		to.ID = texts[n.id.start:n.id.end]
		to.RecordID = pointer(n.recordID)
		if to.ObjectType = pointer(n.objectType); n.plan != nil {
			to.ObjectType = &n.plan.object
		}
		if f := n.fields; f.end > f.start {
			to.Fields = out[f.start:f.end:f.end]
		}
		to.Digest, to.Drift, to.ChangedAt = n.digest, n.drift, n.changedAt
	}
	return b
}

// newBatch returns a batch of n entries, and room for the texts that they point to, which must not
// grow. Most messages have a single notification: all of its batch is one allocation.
func newBatch(n int) (b *ledger.Batch, optional []string) {
	if n > 1 {
		return &ledger.Batch{Entries: make([]ledger.Entry, n)}, make([]string, 0, 2*n)
	}
	var single struct {
		ledger.Batch
		entries  [1]ledger.Entry
		optional [2]string
	}
	single.Entries = single.entries[:]
	return &single.Batch, single.optional[:0]
}

// decoders is the pool of idle decoders.
var decoders = sync.Pool{New: func() any { return new(decoder) }}

// maxKept is the maximum size of the buffers of an idle decoder, in bytes each.
const maxKept = 1 << 20

// release clears the decoder, including its references to the body, and returns it to the pool with
// its buffers. A decoder with a buffer larger than maxKept is dropped.
func (d *decoder) release() {
	if len(d.out.buffer) > maxKept || len(d.wire.buffer) > maxKept || len(d.texts.buffer) > maxKept {
		return
	}
	clear(d.namespaces[:cap(d.namespaces)])
	clear(d.attributes[:cap(d.attributes)])
	d.reset()
	d.types, d.organization, d.action, d.passedOver = nil, text{}, text{}, 0
	clear(d.notifications)
	d.notifications, d.members, d.repeated = d.notifications[:0], d.members[:0], nil
	d.texts.cut(0)
	d.out.cut(0)
	d.wire.cut(0)
	decoders.Put(d)
}

// reset clears the scanner, except its elements, which are always written before they are read.
func (s *scanner) reset() {
	s.body, s.pos, s.depth, s.xsiType, s.oddities = nil, 0, 0, nil, 0
	s.namespaces, s.attributes = s.namespaces[:0], s.attributes[:0]
	s.known.reset()
}
