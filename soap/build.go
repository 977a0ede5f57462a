package soap

import (
	"encoding/json"
	"sync"
	"time"

	"ackbox/ledger"
)

// span is a part of one of the decoder's buffers.
type span struct{ start, end int }

// text is a span of decoder.texts, if it was found.
type text struct {
	span
	found bool
}

// notification is an entry while it is read. With a plan the object type is the plan's.
type notification struct {
	id, objectType, recordID text
	plan                     *plan
	place                    int // in the plan, of the field that probably comes next
	hasRecord                bool
	fields                   span // of decoder.out; empty for none
	digest                   ledger.Digest
	changedAt                time.Time
	stamped                  bool // changedAt is the SystemModstamp
	drift                    int
}

func (d *decoder) textFrom(start int) text { return text{span{start, d.texts.length}, true} }

func (d *decoder) bytesOf(t text) []byte { return d.texts.buffer[t.start:t.end] }

// batch returns what was read. All texts share one string and all fields one array, so that a message takes the same few
// allocations whatever it holds.
func (d *decoder) batch() *ledger.Batch {
	texts, out := string(d.texts.written()), append(json.RawMessage(nil), d.out.written()...)
	b := &ledger.Batch{
		Intake:         ledger.SOAP,
		OrganizationID: texts[d.organization.start:d.organization.end],
		ActionID:       texts[d.action.start:d.action.end],
		Entries:        make([]ledger.Entry, len(d.notifications)),
	}
	optional := make([]string, 0, 2*len(d.notifications)) // what the entries point to; it must not grow
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

// decoders are those that wait for their next message.
var decoders = sync.Pool{New: func() any { return new(decoder) }}

// maxKept is how large a buffer may be that waits for the next message, in bytes.
const maxKept = 1 << 20

// release empties the decoder, of its references to the body too, and keeps its buffers for the next message.
func (d *decoder) release() {
	if len(d.out.buffer) > maxKept || len(d.wire.buffer) > maxKept || len(d.texts.buffer) > maxKept {
		return
	}
	clear(d.namespaces[:cap(d.namespaces)])
	clear(d.attributes[:cap(d.attributes)])
	d.reset()
	d.types, d.organization, d.action = nil, text{}, text{}
	clear(d.notifications)
	d.notifications, d.members, d.repeated = d.notifications[:0], d.members[:0], nil
	d.texts.cut(0)
	d.out.cut(0)
	d.wire.cut(0)
	decoders.Put(d)
}

// reset forgets the body. The elements are written before they are read.
func (s *scanner) reset() {
	s.body, s.pos, s.depth, s.xsiType = nil, 0, 0, nil
	s.namespaces, s.attributes = s.namespaces[:0], s.attributes[:0]
}
