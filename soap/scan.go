package soap

import (
	"bytes"
	"unicode/utf8"
)

var byteOrderMark = []byte("\ufeff")

// scanner scans the XML of the body and checks that it is well-formed, with namespaces, except for
// what the text of fields may violate. Otherwise it accepts a subset of what encoding/xml accepts,
// and reads that the same. The differences are listed in the decoder's tests.
type scanner struct {
	body       []byte
	pos        int
	depth      int                   // the number of open elements
	elements   [maxDepth + 1]element // the open elements, and the last one if it is empty
	namespaces bindings              // in scope
	attributes []attribute           // of the current start tag
	xsiType    []byte                // the QName in the last xsi:type, as written
	known      knownTag              // the last start tag that has one
	oddities   int                   // the violations of XML 1.0 in the text of fields
}

// The classes of bytes.
const (
	nameStart  = 1 << iota // may begin a name; ASCII only
	namePart               // may continue a name; ASCII only
	space                  // white space of XML
	plain                  // text that is the same in JSON
	plainValue             // the same in the value of an attribute as in the body
)

var class = func() (table [256]uint8) {
	for b := range table {
		c := byte(b)
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if letter || c == '_' {
			table[b] |= nameStart | namePart
		}
		if '0' <= c && c <= '9' || c == '-' || c == '.' {
			table[b] |= namePart
		}
		if c == ' ' || c == '\t' || c == '\r' || c == '\n' {
			table[b] |= space
		}
		if c >= ' ' && c < utf8.RuneSelf && c != '<' && c != '&' && c != ']' && c != '"' && c != '\\' {
			table[b] |= plain
		}
		if c >= ' ' && c < utf8.RuneSelf && c != '<' && c != '&' && c != '"' && c != '\'' {
			table[b] |= plainValue
		}
	}
	return table
}()

// at reports whether the rest of the body begins with text.
func (s *scanner) at(text string) bool {
	rest := s.body[s.pos:]
	return len(rest) >= len(text) && string(rest[:len(text)]) == text
}

// skip skips text if the rest of the body begins with it, and reports whether it did.
func (s *scanner) skip(text string) bool {
	if !s.at(text) {
		return false
	}
	s.pos += len(text)
	return true
}

// skipSpace skips white space and reports whether there was any.
func (s *scanner) skipSpace() bool {
	rest := s.body[s.pos:]
	n := 0
	for n < len(rest) && class[rest[n]]&space != 0 {
		n++
	}
	s.pos += n
	return n > 0
}

// peek returns the next byte, or 0 at the end. No well-formed body contains 0.
func (s *scanner) peek() byte {
	if s.pos < len(s.body) {
		return s.body[s.pos]
	}
	return 0
}

// prolog skips what may precede the root: a byte order mark, white space, an XML declaration and
// comments.
func (s *scanner) prolog() *ParseError {
	s.skip(string(byteOrderMark))
	s.skipSpace()
	if s.at("<?xml") && s.pos+5 < len(s.body) && class[s.body[s.pos+5]]&space != 0 {
		if err := s.declaration(); err != nil {
			return err
		}
	}
	return s.misc()
}

// misc skips white space and comments.
func (s *scanner) misc() *ParseError {
	for {
		s.skipSpace()
		if !s.at("<!--") {
			return nil
		}
		if err := s.comment(); err != nil {
			return err
		}
	}
}

// declaration reads and checks <?xml version="1.0" encoding="UTF-8" standalone="yes"?>.
func (s *scanner) declaration() *ParseError {
	start := s.pos
	s.skip("<?xml")
	version, err := s.pseudoAttribute("version")
	if err != nil {
		return err
	}
	if string(version) != "1.0" {
		return s.failAt(start, CauseMalformed, "the XML declaration must say version 1.0")
	}
	encoding, err := s.pseudoAttribute("encoding")
	if err != nil {
		return err
	}
	if encoding != nil && !bytes.EqualFold(encoding, []byte("UTF-8")) {
		return s.failAt(start, CauseEncoding, "the XML declaration names another encoding than UTF-8")
	}
	standalone, err := s.pseudoAttribute("standalone")
	if err != nil {
		return err
	}
	if standalone != nil && string(standalone) != "yes" && string(standalone) != "no" {
		return s.failAt(start, CauseMalformed, "the XML declaration's standalone must be yes or no")
	}
	s.skipSpace()
	if !s.skip("?>") {
		return s.malformed("the XML declaration does not end here as it should")
	}
	return nil
}

// pseudoAttribute reads one pseudo-attribute of the XML declaration. It returns nil if another one,
// or the end, is next.
func (s *scanner) pseudoAttribute(name string) ([]byte, *ParseError) {
	start := s.pos
	if !s.skipSpace() || !s.skip(name) {
		s.pos = start
		return nil, nil
	}
	return s.attributeValue()
}

// comment skips <!-- … -->, which must not contain --.
func (s *scanner) comment() *ParseError {
	s.skip("<!--")
	for !s.at("--") {
		if s.pos >= len(s.body) {
			return s.malformed("")
		}
		size := s.charSize()
		if size == 0 {
			return s.badChar()
		}
		s.pos += size
	}
	if !s.skip("-->") {
		return s.malformed("-- may not stand inside a comment")
	}
	return nil
}

// charSize returns the size of the next character, or 0 if it is not valid UTF-8 or not allowed in
// XML.
func (s *scanner) charSize() int {
	c := s.body[s.pos]
	if c < utf8.RuneSelf {
		if c >= ' ' || class[c]&space != 0 {
			return 1
		}
		return 0
	}
	r, size := utf8.DecodeRune(s.body[s.pos:])
	if r == utf8.RuneError && size == 1 || !validChar(r) {
		return 0
	}
	return size
}

func (s *scanner) badChar() *ParseError {
	if r, size := utf8.DecodeRune(s.body[s.pos:]); r == utf8.RuneError && size == 1 {
		return s.malformed("the bytes here are not UTF-8")
	}
	return s.malformed("the character here is not allowed in XML")
}

// validChar reports whether r is a Char of XML 1.0.
func validChar(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r <= 0xD7FF ||
		r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= utf8.MaxRune
}
