// Package text prepares what is printed for people: text from other parties, and counts.
package text

import (
	"fmt"
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

// Count returns a number with the noun for it, such as "1 message" or "2 messages".
func Count[N ~int | ~int64](n N, one, many string) string {
	if n == 1 {
		many = one
	}
	return fmt.Sprintf("%d %s", n, many)
}
