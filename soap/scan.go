package soap

import (
	"bytes"
	"encoding/xml"
	"unicode/utf8"
)

var byteOrderMark = []byte("\ufeff")

// scanner reads the body's XML, checking that it is well-formed with namespaces. What it accepts, encoding/xml accepts
// too and reads the same; it accepts less: the rules are in the decoder's tests.
type scanner struct {
	body       []byte
	pos        int
	depth      int                   // of open elements
	elements   [maxDepth + 1]element // the open ones, and the one that was read last
	namespaces bindings              // in scope
	attributes []attribute           // of the start tag being read
	xsiType    []byte                // the QName in the last xsi:type, as written
}

// classes of bytes
const (
	nameStart  = 1 << iota // may start a name; ASCII only
	namePart               // may go on in a name; ASCII only
	space                  // XML's white space
	plain                  // text that JSON takes as it is
	plainValue             // what an attribute's value has as it is
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

// at tells whether the rest of the body starts with text.
func (s *scanner) at(text string) bool {
	rest := s.body[s.pos:]
	return len(rest) >= len(text) && string(rest[:len(text)]) == text
}

// skip passes text when the rest of the body starts with it.
func (s *scanner) skip(text string) bool {
	if !s.at(text) {
		return false
	}
	s.pos += len(text)
	return true
}

// skipSpace passes white space and tells whether there was any.
func (s *scanner) skipSpace() bool {
	rest := s.body[s.pos:]
	n := 0
	for n < len(rest) && class[rest[n]]&space != 0 {
		n++
	}
	s.pos += n
	return n > 0
}

// peek is the next byte, or 0 at the end: 0 is in no well-formed body.
func (s *scanner) peek() byte {
	if s.pos < len(s.body) {
		return s.body[s.pos]
	}
	return 0
}

// name reads a name without a colon (an NCName).
func (s *scanner) name() ([]byte, *ParseError) {
	rest := s.body[s.pos:]
	n := 0
	for n < len(rest) && class[rest[n]]&namePart != 0 {
		n++
	}
	switch {
	case n < len(rest) && rest[n] >= utf8.RuneSelf:
		return s.foreignName()
	case n == 0 || class[rest[0]]&nameStart == 0:
		return nil, s.malformed("a name is expected here")
	}
	s.pos += n
	return rest[:n], nil
}

// foreignName reads a name that is not all ASCII, as Salesforce's API names are. Which other letters XML 1.0 allows is
// left to encoding/xml, so that both never differ.
func (s *scanner) foreignName() ([]byte, *ParseError) {
	rest := s.body[s.pos:]
	n := 0
	for n < len(rest) && (class[rest[n]]&namePart != 0 || rest[n] >= utf8.RuneSelf) {
		n++
	}
	tag := bytes.Join([][]byte{{'<'}, rest[:n], []byte("/>")}, nil)
	token, err := xml.NewDecoder(bytes.NewReader(tag)).RawToken()
	start, ok := token.(xml.StartElement)
	if err != nil || !ok || start.Name.Local != string(rest[:n]) {
		return nil, s.malformed("a name is expected here")
	}
	s.pos += n
	return rest[:n], nil
}

// prolog passes what may stand before the root: a byte order mark, white space, an XML declaration, comments.
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

// misc passes the white space and comments that may stand around the root.
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

// declaration passes <?xml version="1.0" encoding="UTF-8" standalone="yes"?>.
func (s *scanner) declaration() *ParseError {
	start := s.pos
	s.skip("<?xml")
	version, err := s.declared("version")
	if err != nil {
		return err
	}
	if string(version) != "1.0" {
		return s.failAt(start, CauseMalformed, "the XML declaration must say version 1.0")
	}
	encoding, err := s.declared("encoding")
	if err != nil {
		return err
	}
	if encoding != nil && !bytes.EqualFold(encoding, []byte("UTF-8")) {
		return s.failAt(start, CauseEncoding, "the XML declaration names another encoding than UTF-8")
	}
	standalone, err := s.declared("standalone")
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

// declared reads one part of the XML declaration, nil when another part or the end comes next.
func (s *scanner) declared(part string) ([]byte, *ParseError) {
	start := s.pos
	if !s.skipSpace() || !s.skip(part) {
		s.pos = start
		return nil, nil
	}
	return s.attributeValue()
}

// comment passes <!-- … -->, in which -- may not stand.
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

// charSize is the size of the character here, 0 when XML does not allow it or it is not UTF-8.
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

// validChar is the production Char of XML 1.0.
func validChar(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r <= 0xD7FF ||
		r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= utf8.MaxRune
}
