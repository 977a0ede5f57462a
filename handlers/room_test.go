package handlers

import (
	"strings"
	"testing"
	"time"

	"ackbox/soap"
)

func TestAShareBindsOnlyUnderContention(t *testing.T) {
	t.Parallel()
	const mib, limit = 1 << 20, 64 << 20
	r := newRooms(limit).large
	take := func(source, bytes int64, want bool) {
		t.Helper()
		if got := r.take(source, bytes); got != want {
			t.Errorf("source %d takes %d MiB beside %d of %d: got %t", source, bytes/mib, r.used/mib, r.total/mib, got)
		}
	}
	take(1, limit+1, true) // one of the largest, and another
	take(1, limit+1, true)
	take(1, mib, false)   // something is left for others
	take(2, 20*mib, true) // who have most of what is left
	take(2, 20*mib, false)
	take(3, 6*mib, true)
	take(1, mib, false)
	r.giveBack(1, limit+1)
	take(1, 20*mib, true)
	take(1, 30*mib, false) // that would be more than its share
	take(2, 30*mib, true)  // but not more than another's
	r.giveBack(1, limit+1+20*mib)
	r.giveBack(2, 50*mib)
	r.giveBack(3, 6*mib)
	if r.used != 0 || len(r.held) != 0 {
		t.Errorf("got %d bytes used, %d sources, want none", r.used, len(r.held))
	}
}

// A buffer takes exactly its size: not more than four times what has come, nor less than what it
// has allocated.
func TestABufferTakesWhatItAllocates(t *testing.T) {
	t.Parallel()
	for _, length := range []int64{-1, 10, 300 << 10, 5 << 20, 8 << 20} {
		rooms := newRooms(8 << 20)
		b := &bodyBuffer{rooms: rooms, source: 1}
		for b.size() < rooms.limit+1 && (length < 0 || b.size() <= length) {
			size := rooms.nextSize(b.size(), length)
			if size > max(growth*b.size(), firstBuffer) {
				t.Errorf("length %d: got %d after %d", length, size, b.size())
			}
			if !b.grow(size) {
				t.Fatalf("length %d: no room for %d", length, size)
			}
			if used := rooms.small.used + rooms.large.used; used != size || int64(cap(*b.memory)) != size {
				t.Errorf("length %d: got %d used and %d allocated, want %d", length, used, cap(*b.memory), size)
			}
		}
		b.release()
		if used := rooms.small.used + rooms.large.used; used != 0 {
			t.Errorf("length %d: got %d used after the release", length, used)
		}
	}
}

// While large bodies take all the room for decoding, a small one has its own.
func TestSmallBodiesAreDecodedWhileLargeOnesAre(t *testing.T) {
	t.Parallel()
	h := New(Config{BodyLimit: 1 << 20})
	large := &turn{}
	if !large.begin(h.work.large, 1<<20) {
		t.Fatal("no room for one of the largest")
	}
	small := &turn{}
	started := time.Now()
	_, refused := h.decode(outbound{}, []byte("hello"), small)
	if refused == nil || refused.cause != causeShape || time.Since(started) > workTimeout/2 {
		t.Errorf("a small one: got %v after %s, want it decoded at once", refused, time.Since(started))
	}
	_, refused = h.decode(outbound{}, []byte(strings.Repeat(" ", 512<<10)), &turn{})
	if refused == nil || refused.cause != causeOverloaded {
		t.Errorf("a large one: got %v, want it refused when it has waited", refused)
	}
	large.end()
	_, refused = h.decode(outbound{}, []byte(strings.Repeat(" ", 512<<10)), large)
	if refused == nil || refused.cause != causeMalformed {
		t.Errorf("a large one later: got %v, want it decoded", refused)
	}
	large.end()
	if all := (&turn{}); !all.begin(h.work.large, 1<<20) || !all.begin(h.work.small, smallWork) {
		t.Error("a turn has not ended")
	}
}

// The bound holds for what the decoder makes of each byte and each reference.
func TestTheBoundOfJSONHolds(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"a", "\t", "\n", "\r\n", `"`, `\`, "&#9;", "&#xA;", "&quot;", "&amp;", "漢", "\u2028", "\x7f", "/"} {
		content := strings.Repeat(text, 1000)
		body := `<e:Envelope xmlns:e="` + soap.EnvelopeNS + `"><e:Body><notifications xmlns="` + soap.OutboundNS +
			`"><OrganizationId>00D5g00000ABCDEEA4</OrganizationId><Notification><Id>04l</Id><sObject><City>` + content +
			`</City></sObject></Notification></notifications></e:Body></e:Envelope>`
		batch, err := soap.Decode([]byte(body), nil)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got, bound := int64(len(batch.Entries[0].Fields)), jsonBound([]byte(content)); got > bound+20 {
			t.Errorf("%q: got %d bytes of JSON, more than the bound of %d", text, got, bound)
		}
	}
}
