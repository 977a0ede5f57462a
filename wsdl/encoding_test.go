package wsdl_test

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"unicode/utf16"

	"ackbox/wsdl"
	"ackbox/wsdl/wsdltest"

	"github.com/google/go-cmp/cmp"
)

// inUTF16 returns text in UTF-16 without a byte-order mark.
func inUTF16(order binary.AppendByteOrder, text string) []byte {
	var data []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		data = order.AppendUint16(data, unit)
	}
	return data
}

func TestParseReadsUTF16(t *testing.T) {
	t.Parallel()
	text := strings.Replace(wsdltest.WSDL("Sample__c", sampleFields...), "made up", "größer 𝄞", 1)
	declared := strings.Replace(text, "UTF-8", "utf-16", 1)
	forms := map[string][]byte{
		"little endian":                inUTF16(binary.LittleEndian, "\ufeff"+declared),
		"big endian":                   inUTF16(binary.BigEndian, "\ufeff"+declared),
		"little endian without a mark": inUTF16(binary.LittleEndian, declared),
		"big endian without a mark":    inUTF16(binary.BigEndian, declared),
		"as PowerShell saves what was UTF-8": inUTF16(binary.LittleEndian,
			"\ufeff"+strings.ReplaceAll(text, "\n", "\r\n")),
		"byte order declared":              inUTF16(binary.LittleEndian, strings.Replace(text, "UTF-8", "UTF-16LE", 1)),
		"no declaration":                   inUTF16(binary.BigEndian, "\ufeff\n"+text[strings.Index(text, "\n")+1:]),
		"converted to UTF-8 since":         []byte(declared),
		"UTF-8 with lone CRs as line ends": []byte(strings.ReplaceAll(text, "\n", "\r")),
	}
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := wsdl.Parse("sample.wsdl", form)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(sampleDefinition(), got); diff != "" {
				t.Errorf("definition (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseRejectsBrokenUTF16(t *testing.T) {
	t.Parallel()
	broken := map[string]string{
		"f.wsdl:2: the file ends within a character of UTF-16":  "x",
		"f.wsdl:2: the file ends within a character":            "\x34\xd8",
		"f.wsdl:2: the file is not valid UTF-16; it is damaged": "\x34\xd8x\x00",
		"f.wsdl:2: the file is not valid UTF-16":                "\x1e\xddx\x00",
		"f.wsdl:2: not well-formed XML":                         "\x00\x00",
	}
	good := string(inUTF16(binary.LittleEndian, "\ufeff<a>\n"))
	for want, more := range broken {
		got, err := wsdl.Parse("f.wsdl", []byte(good+more))
		if _, ok := errors.AsType[*wsdl.Error](err); !ok || got != nil ||
			!strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v and the error %v, want one that begins with %q", got, err, want)
		}
	}
}

func TestTextIsTheSameInEveryCheckout(t *testing.T) {
	t.Parallel()
	want := "<?xml?>\n<größe>\n</größe>\n"
	crlf := strings.ReplaceAll(want, "\n", "\r\n")
	for _, data := range [][]byte{
		[]byte(want), []byte(crlf), []byte("\ufeff" + crlf), []byte(strings.ReplaceAll(want, "\n", "\r")),
		inUTF16(binary.BigEndian, crlf), inUTF16(binary.LittleEndian, "\ufeff"+want),
	} {
		if got, err := wsdl.Text(data); err != nil || string(got) != want {
			t.Errorf("%q: got %q and the error %v, want %q", data, got, err, want)
		}
	}
}
