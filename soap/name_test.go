package soap_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"ackbox/soap"
)

// TestNamesHaveTheCharactersOfEncodingXML compares the tables of name characters with those of
// encoding/xml: each character first in a name, and each after a letter. The name is that of the
// root, so that a valid one has the wrong shape.
func TestNamesHaveTheCharactersOfEncodingXML(t *testing.T) {
	t.Parallel()
	for r := rune(utf8.RuneSelf); r <= utf8.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		if r > 0xFFFF {
			r += 250 // no name has any of those
		}
		for _, name := range []string{string(r), "a" + string(r)} {
			want := soap.CauseMalformed
			if isNCName(name) {
				want = soap.CauseShape
			}
			if _, err := soap.Decode([]byte("<"+name+"/>"), nil); causeOf(err) != want {
				t.Fatalf("%+q: got %v, want the cause %s", name, err, want)
			}
		}
	}
}

func TestDecodeReadsNamesBeyondASCII(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"é", "aé", "日本", "a日1é-b.c_", "ü:é", "a·", "aé\u0301"} {
		body := envelope(notification("04l1", "<"+name+" xmlns:ü='urn:x' é='1'>x</"+name+">"))
		compare(t, []byte(body))
		local := name[strings.LastIndexByte(name, ':')+1:]
		if n := decodeOne(t, body, nil); !strings.Contains(string(n.Fields), `"`+local+`":"x"`) {
			t.Errorf("%q: got %s", name, n.Fields)
		}
	}
	for _, name := range []string{"·", "1é", "a×", "a:·", "é:1", "a\ufffd", "é\U00010000"} {
		body := []byte(envelope(notification("04l1", "<"+name+" xmlns:a='urn:x' xmlns:é='urn:x'/>")))
		compare(t, body)
		if _, err := soap.Decode(body, nil); causeOf(err) != soap.CauseMalformed {
			t.Errorf("%q: got %v", name, err)
		}
	}
}

// TestNamesBeyondASCIICostNoAllocations fails if such names are read by a slower way than others: a
// decoder of encoding/xml for each took six seconds for 32 MiB.
func TestNamesBeyondASCIICostNoAllocations(t *testing.T) { // not parallel: it counts allocations
	body, records := namesBeyondASCII(1 << 20)
	allocations := testing.AllocsPerRun(5, func() {
		if message, err := soap.Decode(body, nil); err != nil || len(message.Entries) != records {
			t.Fatal(err)
		}
	})
	if allocations > 1_000 { // for 40,000 names
		t.Errorf("got %v allocations", allocations)
	}
}
