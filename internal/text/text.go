// Package text prepares text from other parties for printing.
package text

import (
	"strings"
	"unicode"
)

// Printable returns s with each rune that [unicode.IsPrint] rejects, and each byte that is not
// UTF-8, replaced by U+FFFD. The result is one line without control characters that a terminal
// would interpret. It equals s if and only if s is valid UTF-8 and all of its runes are printable.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}
