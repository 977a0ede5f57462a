package text_test

import (
	"testing"

	"ackbox/internal/text"
)

func TestPrintable(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"":                        "",
		"CN=Größe 株式会社 🚀, O=a\"b": "CN=Größe 株式会社 🚀, O=a\"b",
		"\ufffd":                  "\ufffd",
		"a\nb\r\tc":               "a\ufffdb\ufffd\ufffdc",
		"\x1b[31mred":             "\ufffd[31mred",
		"\u009b31m":               "\ufffd31m", // CSI in one character
		"a\u202eb\u200bc\u00a0d":  "a\ufffdb\ufffdc\ufffdd",
		"\x00\x7f":                "\ufffd\ufffd",
		"a\xff\xfe":               "a\ufffd\ufffd",
		"cut \xe6\xa0":            "cut \ufffd\ufffd",
	} {
		if got := text.Printable(s); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{
		0: "0 replies", 1: "1 reply", 2: "2 replies", 11: "11 replies", -1: "-1 replies",
	} {
		if got := text.Count(n, "reply", "replies"); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}
