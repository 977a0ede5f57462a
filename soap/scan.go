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
	depth      int // of open elements
	namespaces bindings
	attributes []attribute // of the start tag being read
}

// classes of bytes
const (
	nameStart = 1 << iota // may start a name; ASCII only
	namePart              // may go on in a name; ASCII only
	space                 // XML's white space
	plain                 // text that JSON takes as it is
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
	start := s.pos
	for s.pos < len(s.body) && class[s.body[s.pos]]&space != 0 {
		s.pos++
	}
	return s.pos > start
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
	start := s.pos
	for s.pos < len(s.body) && (class[s.body[s.pos]]&namePart != 0 || s.body[s.pos] >= utf8.RuneSelf) {
		s.pos++
	}
	name := s.body[start:s.pos]
	if len(name) == 0 || !validName(name) {
		s.pos = start
		return nil, s.malformed("a name is expected here")
	}
	return name, nil
}

// validName decides on a run of name bytes. Salesforce's API names are ASCII; which other letters XML 1.0 allows in a
// name is left to encoding/xml, so that both never differ.
func validName(name []byte) bool {
	if class[name[0]]&nameStart == 0 && name[0] < utf8.RuneSelf {
		return false
	}
	for _, c := range name {
		if c >= utf8.RuneSelf {
			tag := bytes.Join([][]byte{{'<'}, name, []byte("/>")}, nil)
			token, err := xml.NewDecoder(bytes.NewReader(tag)).RawToken()
			start, ok := token.(xml.StartElement)
			return err == nil && ok && start.Name.Local == string(name)
		}
	}
	return true
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
