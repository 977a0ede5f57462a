package soap

import (
	"unicode/utf16"
	"unicode/utf8"
)

var entities = []struct {
	text string
	char rune
}{{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}}

// reference reads a reference to a character that XML allows, or to one of its five entities, as
// they are the only ones without a DTD.
func (s *scanner) reference() (rune, *ParseError) {
	start := s.pos
	r, err := s.anyReference()
	switch {
	case err != nil:
		return 0, err
	case r == undeclared:
		return 0, s.failAt(start, CauseForbidden, "only the entities lt, gt, amp, quot and apos are allowed")
	case !validChar(r):
		return 0, s.failAt(start, CauseMalformed, "this character reference names no character that XML allows")
	}
	return r, nil
}

// fieldReference appends the character of a reference in the text of a field, even one that XML
// forbids. Two references to the surrogates of a pair are the character that it means, as some
// libraries write those beyond U+FFFF. A reference that means no character stays as it is written:
// to U+0000, which PostgreSQL does not store, to a surrogate without its other half, or to an entity
// that is not declared.
func (s *scanner) fieldReference(to *writer) *ParseError {
	start := s.pos
	r, err := s.anyReference()
	if err != nil {
		return err
	}
	if validChar(r) {
		to.writeRune(r, jsonText)
		return nil
	}
	if err := s.odd(start); err != nil {
		return err
	}
	if utf16.IsSurrogate(r) {
		r = s.pair(r)
	}
	if r == undeclared || r == 0 || r == utf8.RuneError {
		to.write(s.body[start:s.pos]) // none of its characters needs an escape
		return nil
	}
	to.writeRune(r, jsonText)
	return nil
}

// pair reads a reference to the second surrogate of a pair, if it is next, and returns the character
// of the pair. It returns utf8.RuneError if the two are no pair.
func (s *scanner) pair(first rune) rune {
	start := s.pos
	if s.at("&#") {
		if second, err := s.anyReference(); err == nil {
			if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
				return r
			}
		}
	}
	s.pos = start
	return utf8.RuneError
}

// undeclared is what anyReference returns for an entity other than the five of XML.
const undeclared rune = -1

// anyReference reads a character reference or a reference to an entity. It returns the code point,
// which XML need not allow, or undeclared.
func (s *scanner) anyReference() (rune, *ParseError) {
	for _, e := range entities {
		if s.skip(e.text) {
			return e.char, nil
		}
	}
	if s.at("&#") {
		return s.charReference()
	}
	n := entityNameLength(s.body[s.pos+1:])
	if end := s.pos + 1 + n; n > 0 && end < len(s.body) && s.body[end] == ';' {
		s.pos = end + 1
		return undeclared, nil
	}
	return 0, s.malformed("an & must start a reference such as &amp;")
}

// entityNameLength returns the length of the name at the beginning of text, which may contain
// colons, or 0 if there is none.
func entityNameLength(text []byte) (n int) {
	var allowed uint8 = nameStart
	for n < len(text) {
		size, classes := nameChar(text[n:])
		if text[n] != ':' && classes&allowed == 0 {
			return n
		}
		n += size
		allowed = namePart
	}
	return n
}

// charReference reads a character reference, such as &#13; or &#xD;. It returns the code point,
// which XML need not allow.
func (s *scanner) charReference() (rune, *ParseError) {
	start := s.pos
	s.skip("&#")
	base := rune(10)
	if s.skip("x") {
		base = 16
	}
	digits := s.pos
	var r rune
	for ; s.pos < len(s.body) && r <= utf8.MaxRune; s.pos++ {
		d, ok := digit(s.body[s.pos], base)
		if !ok {
			break
		}
		r = r*base + d
	}
	if s.pos == digits || s.peek() != ';' || r > utf8.MaxRune {
		return 0, s.failAt(start, CauseMalformed, "this character reference names no character")
	}
	s.pos++
	return r, nil
}

func digit(c byte, base rune) (rune, bool) {
	switch {
	case '0' <= c && c <= '9':
		return rune(c - '0'), true
	case base == 16 && 'a' <= c|0x20 && c|0x20 <= 'f':
		return rune(c|0x20-'a') + 10, true
	}
	return 0, false
}
