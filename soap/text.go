package soap

import (
	"bytes"
	"unicode/utf8"
)

// textForm is the form in which text is written: unchanged, or as the inside of a JSON string.
type textForm bool

const (
	rawText  textForm = false
	jsonText textForm = true
)

// text appends a run of character data, up to the next markup or the end of the body. Line ends
// become line feeds, and references the characters they refer to, as XML says. Nothing else
// changes.
func (s *scanner) text(to *writer, form textForm) *ParseError {
	for {
		rest := s.body[s.pos:]
		n := 0
		for n < len(rest) && class[rest[n]]&plain != 0 {
			n++
		}
		to.write(rest[:n])
		s.pos += n
		if n == len(rest) || rest[n] == '<' {
			return nil
		}
		if err := s.textChar(to, form); err != nil {
			return err
		}
	}
}

// textChar appends one character or reference that is not plain.
func (s *scanner) textChar(to *writer, form textForm) *ParseError {
	switch {
	case s.body[s.pos] == '&':
		r, err := s.reference()
		if err != nil {
			return err
		}
		to.writeRune(r, form)
		return nil
	case s.at("]]>"):
		return s.malformed("]]> may not stand in text")
	}
	return s.char(to, form)
}

// char appends one character. It appends a line end as a line feed.
func (s *scanner) char(to *writer, form textForm) *ParseError {
	size := s.charSize()
	if size == 0 {
		return s.badChar()
	}
	if size > 1 {
		to.write(s.body[s.pos : s.pos+size])
		s.pos += size
		return nil
	}
	c := s.body[s.pos]
	s.pos++
	if c == '\r' {
		if s.peek() == '\n' {
			s.pos++
		}
		c = '\n'
	}
	to.writeRune(rune(c), form)
	return nil
}

// cdata appends the text of a CDATA section.
func (s *scanner) cdata(to *writer, form textForm) *ParseError {
	s.skip("<![CDATA[")
	length := bytes.Index(s.body[s.pos:], []byte("]]>"))
	if length < 0 {
		s.pos = len(s.body)
		return s.malformed("")
	}
	end := s.pos + length
	for s.pos < end {
		if err := s.char(to, form); err != nil {
			return err
		}
	}
	s.skip("]]>")
	return nil
}

var entities = []struct {
	text string
	char rune
}{{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}}

// reference reads a character reference or a reference to one of the five entities of XML.
func (s *scanner) reference() (rune, *ParseError) {
	for _, e := range entities {
		if s.skip(e.text) {
			return e.char, nil
		}
	}
	if s.at("&#") {
		return s.charReference()
	}
	if bytes.IndexByte(s.body[s.pos:], ';') < 0 {
		return 0, s.malformed("an & must start a reference such as &amp;")
	}
	return 0, s.fail(CauseForbidden, "only the entities lt, gt, amp, quot and apos are allowed")
}

// charReference reads a character reference, such as &#13; or &#xD;.
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
	if s.pos == digits || s.peek() != ';' || !validChar(r) {
		return 0, s.failAt(start, CauseMalformed,
			"this character reference names no character that XML allows")
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

// writeRune writes one valid character. In the form jsonText it escapes it as JSON requires.
func (w *writer) writeRune(r rune, form textForm) {
	if form == jsonText {
		switch r {
		case '"', '\\':
			w.writeByte('\\')
		case '\n':
			r = 'n'
			w.writeByte('\\')
		case '\t':
			r = 't'
			w.writeByte('\\')
		case '\r':
			r = 'r'
			w.writeByte('\\')
		}
	}
	if r < utf8.RuneSelf {
		w.writeByte(byte(r))
		return
	}
	var encoded [utf8.UTFMax]byte
	w.write(encoded[:utf8.EncodeRune(encoded[:], r)])
}
