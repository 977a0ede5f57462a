package soap

import (
	"bytes"
	"unicode/utf8"
)

// textForm is the form in which text is written: unchanged, or as the inside of a JSON string. The
// latter is the text of fields. A person may have pasted it into Salesforce from anywhere, so it may
// violate XML 1.0 in the ways that [scanner.oddChar] and [scanner.fieldReference] list: otherwise
// one field would keep all records of its message from being stored.
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
	case s.body[s.pos] == '&' && form == jsonText:
		return s.fieldReference(to)
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
	if size == 0 && form == jsonText {
		return s.oddChar(to)
	}
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

// oddChar appends a character that XML forbids, other than NUL, as it is.
func (s *scanner) oddChar(to *writer) *ParseError {
	r, size := utf8.DecodeRune(s.body[s.pos:])
	if r == 0 || r == utf8.RuneError && size == 1 {
		return s.badChar()
	}
	if err := s.odd(s.pos); err != nil {
		return err
	}
	s.pos += size
	to.writeRune(r, jsonText)
	return nil
}

// maxOddities is the maximum number of oddities in a message. A control character takes six times
// its size in JSON.
const maxOddities = 1 << 20

// odd counts a violation of XML 1.0 that the text of a field may have.
func (s *scanner) odd(offset int) *ParseError {
	if s.oddities == maxOddities {
		return s.failAt(offset, CauseLimit, "the fields violate XML in more than 1048576 places")
	}
	s.oddities++
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

// writeRune writes one character. In the form jsonText it escapes it as JSON requires.
func (w *writer) writeRune(r rune, form textForm) {
	if form == jsonText && (r < ' ' || r == '"' || r == '\\') {
		w.escape(byte(r))
		return
	}
	if r < utf8.RuneSelf {
		w.writeByte(byte(r))
		return
	}
	var encoded [utf8.UTFMax]byte
	w.write(encoded[:utf8.EncodeRune(encoded[:], r)])
}

// escape writes a character that JSON requires to be escaped.
func (w *writer) escape(c byte) {
	const hex = "0123456789abcdef"
	switch c {
	case '\n':
		c = 'n'
	case '\t':
		c = 't'
	case '\r':
		c = 'r'
	case '"', '\\':
	default:
		w.writeString(`\u00`)
		w.writeByte(hex[c>>4])
		w.writeByte(hex[c&0xF])
		return
	}
	w.writeByte('\\')
	w.writeByte(c)
}
