package e2e_test

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// memoryLimit bounds the memory of the process, whatever is posted: a small dyno has 512 MiB, and
// not for this process alone.
const memoryLimit = 384 << 20

// huge makes the hostile bodies that are expected to cost a decoder most. They are made one at a
// time and not kept, because the tests need memory as well.
var huge = []struct {
	name string
	make func() []byte
}{
	{"text", func() []byte { return padded("<sf:City>", "a", "</sf:City>") }},
	{"some characters that JSON escapes", func() []byte { return padded("<sf:City>", `"aaaaa`, "</sf:City>") }},
	{"characters that JSON escapes", func() []byte { return padded("<sf:City>", "\"\t", "</sf:City>") }},
	{"control characters", func() []byte { return padded("<sf:City>", "\x01", "</sf:City>") }},
	{"character references", func() []byte { return padded("<sf:City>", "&#x41;", "</sf:City>") }},
	{"elements", func() []byte { return padded("", "<sf:a/>", "") }},
	{"nesting", func() []byte { return padded("", "<sf:a>", "") }},
	{"attributes", func() []byte { return padded("<sf:a", ` b="c"`, "/>") }},
	{"an attribute", func() []byte { return padded(`<sf:a b="`, "&amp;", `"/>`) }},
	{"comments", func() []byte { return padded("", "<!--a-->", "") }},
	{"a Header", func() []byte {
		return bytes.Replace(unchanged(), []byte("<soapenv:Body>"),
			append([]byte("<soapenv:Header>"), bytes.Repeat([]byte("<a>b</a>"), hugeSize/8)...), 1)
	}},
	{"characters that XML forbids", func() []byte { return padded("<sf:City>", "\x01", "</sf:City>") }},
	{"names beyond ASCII", func() []byte { return padded("", "<é/>", "") }},
	{"notifications", func() []byte {
		return envelope(strings.Repeat("<Notification><Id>1</Id></Notification>", hugeSize/40))
	}},
}

// padded returns a message of another organization with a field that repeats a text until the body
// is huge. If the body can be read to its end, it is refused after that.
func padded(begin, repeated, end string) []byte { return paddedTo(hugeSize, begin, repeated, end) }

// paddedTo returns such a message of a size.
func paddedTo(size int, begin, repeated, end string) []byte {
	body := envelope(lead("04lS10000000001IAA", "00QS10000000001IAA",
		begin+strings.Repeat(repeated, size/len(repeated))+end))
	return bytes.Replace(body, []byte(organization), []byte(stranger), 1)
}

// A refused message does not reach the database, so one driver is enough here.
func TestHugeHostileMessagesTakeBoundedMemory(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.add("crm", "--org", organization)
	s := in.serve()
	s.ready()
	for _, h := range huge {
		if got := post(t, s.url("crm"), h.make()); got.status < 400 || got.status > 499 {
			t.Errorf("%s: got %+v", h.name, got)
		}
	}
	s.requireBoundedMemory("one after the other")
	var wait sync.WaitGroup
	for _, h := range huge[:6] { // 30 at once, of the bodies that are read to their end
		body := h.make()
		for range 5 {
			wait.Go(func() {
				if got := post(t, s.url("crm"), body); got.status == 200 {
					t.Errorf("%s: acked", h.name)
				}
			})
		}
	}
	wait.Wait()
	s.requireBoundedMemory("at once")
	if got := s.export(); len(got) != 0 {
		t.Errorf("got %d notifications, want none", len(got))
	}
	requireAck(t, post(t, s.url("crm"), unchanged()))
}

func TestAHugeMessageIsStored(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		s := startWith(t, database, "crm")
		body := padded("<sf:City>", "a", "</sf:City>")
		body = bytes.Replace(body, []byte(stranger), []byte(organization), 1)
		requireAck(t, post(t, s.url("crm"), body))
		if got := s.export(); len(got) != 1 || len(got[0].Fields) < hugeSize {
			t.Error("the message is not stored whole")
		}
		s.requireBoundedMemory("with a huge message stored")
	})
}

// What is accepted takes more memory than what is refused: it is saved, too.
func TestHugeMessagesThatAreAcceptedTakeBoundedMemory(t *testing.T) {
	t.Parallel()
	accepted := []struct {
		name string
		body []byte
	}{
		{"half a text", paddedTo(hugeSize/2, "<sf:City>", "a", "</sf:City>")},
		{"a text", padded("<sf:City>", "a", "</sf:City>")},
		{"an escaped text", paddedTo(hugeSize/7*6, "<sf:City>", `"aaaaa`, "</sf:City>")},
		{"100 long text areas", longTextAreas()},
		{"a text again", padded("<sf:City>", "b", "</sf:City>")},
	}
	each(t, func(t *testing.T, database string) {
		s := startWith(t, database, "crm")
		for _, a := range accepted {
			requireAck(t, post(t, s.url("crm"), a.body))
			s.requireBoundedMemory(a.name)
		}
		var wait sync.WaitGroup
		for _, a := range accepted {
			for range 2 {
				wait.Go(func() {
					if got := post(t, s.url("crm"), a.body); got.status != 200 && got.status != 503 {
						t.Errorf("%s, of several at once: got %+v", a.name, got)
					}
				})
			}
		}
		wait.Wait()
		s.requireBoundedMemory("at once")
	})
}

// longTextAreas returns a message of 100 notifications with a full long text area in Chinese each,
// the largest that is known to be sent.
func longTextAreas() []byte {
	length := min(131_072, hugeSize/500)
	field := "<sf:Description>" + strings.Repeat("\u6c49", length) + "</sf:Description>"
	var all strings.Builder
	for i := range 100 {
		all.WriteString(lead(fmt.Sprintf("04lS1000000%04dIAA", i), fmt.Sprintf("00QS1000000%04dIAA", i), field))
	}
	return envelope(all.String())
}

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

func (s *server) requireBoundedMemory(when string) {
	s.tb.Helper()
	peak := s.peakMemory()
	s.tb.Logf("peak memory %s: %d MiB", when, peak>>20)
	if peak > memoryLimit && !raceEnabled {
		s.tb.Errorf("want %d MiB at most", memoryLimit>>20)
	}
}

// peakMemory returns the peak resident memory of the server, in bytes.
func (s *server) peakMemory() int64 {
	s.tb.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		s.tb.Fatal(err)
	}
	match := highWater.FindSubmatch(status)
	if match == nil {
		s.tb.Fatal("no VmHWM")
	}
	kilobytes, err := strconv.ParseInt(string(match[1]), 10, 64)
	if err != nil {
		s.tb.Fatal(err)
	}
	return kilobytes << 10
}
