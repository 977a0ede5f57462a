package soap

import (
	"bytes"
	"unicode/utf8"
)

// Bounds of one element, far above what any sender writes: they keep a hostile body's cost in line with its size.
const (
	maxAttributes = 64
	maxBindings   = 64
)

// maxDepth is how deep elements may nest, the Envelope counted as 1. A real message needs 6.
const maxDepth = 32

// element is a start tag that was read. It holds no pointers, so that the many of a message cost the collector nothing.
type element struct {
	space namespace
	empty bool // <a/>, which has no end tag
	isNil bool // xsi:nil
	typed bool // has an xsi:type: scanner.xsiType, until the next start tag
	raw   span // of the body, the name as written: the end tag must repeat it
	local span // of the body, the name without its prefix
	outer int  // how many prefixes were bound outside of it
}

// is tells whether an element has a name.
func (s *scanner) is(e *element, space namespace, local string) bool {
	return e.space == space && string(s.written(e.local)) == local
}

// written is a span of the body.
func (s *scanner) written(p span) []byte { return s.body[p.start:p.end] }

// attribute is one attribute of a start tag, xmlns declarations left out.
type attribute struct {
	prefix, local, value []byte
	offset               int
	uri                  []byte
}

// startsElement tells whether a start tag comes next: < and neither an end tag, a comment nor another mark.
func (s *scanner) startsElement() bool {
	return s.peek() == '<' && s.pos+1 < len(s.body) &&
		(class[s.body[s.pos+1]]&nameStart != 0 || s.body[s.pos+1] >= 0x80)
}

// start reads the start tag here. The element stays as it is until its end, or, if it is empty, until the next start.
func (s *scanner) start() (*element, *ParseError) {
	offset := s.pos
	if s.depth == maxDepth {
		return nil, s.fail(CauseLimit, "elements nest deeper than 32")
	}
	e := &s.elements[s.depth]
	*e = element{outer: len(s.namespaces)}
	s.pos++ // the <
	prefix, err := s.qname(e)
	if err != nil {
		return nil, err
	}
	s.attributes = s.attributes[:0]
	if s.peek() == '>' {
		s.pos++
	} else if e.empty, err = s.attributeList(); err != nil {
		return nil, err
	}
	if err := s.resolve(e, prefix, offset); err != nil {
		return nil, err
	}
	if !e.empty {
		s.depth++
	}
	return e, nil
}

// attributeList reads the attributes up to the end of the tag, and tells whether that is />.
func (s *scanner) attributeList() (empty bool, err *ParseError) {
	for {
		spaced := s.skipSpace()
		if s.skip(">") {
			return false, nil
		}
		if s.skip("/>") {
			return true, nil
		}
		if !spaced {
			return false, s.malformed("the start tag must go on with white space, > or />")
		}
		if err := s.attribute(); err != nil {
			return false, err
		}
	}
}

// qname reads the element's name into e and gives its prefix.
func (s *scanner) qname(e *element) (prefix []byte, err *ParseError) {
	start := s.pos
	name, err := s.name()
	if err != nil {
		return nil, err
	}
	local := start
	if s.peek() == ':' {
		s.pos++
		prefix, local = name, s.pos
		if _, err = s.name(); err != nil {
			return nil, err
		}
	}
	e.raw, e.local = span{start, s.pos}, span{local, s.pos}
	return prefix, nil
}

// attribute reads one attribute, or a declaration of a prefix, which it binds.
func (s *scanner) attribute() *ParseError {
	a := attribute{offset: s.pos}
	var err *ParseError
	if a.local, err = s.name(); err != nil {
		return err
	}
	if s.skip(":") {
		a.prefix = a.local
		if a.local, err = s.name(); err != nil {
			return err
		}
	}
	if a.value, err = s.attributeValue(); err != nil {
		return err
	}
	if len(s.attributes) == maxAttributes {
		return s.failAt(a.offset, CauseLimit, "the element has more attributes than any outbound message")
	}
	s.attributes = append(s.attributes, a)
	return nil
}

// attributeValue reads = and the quoted value: references resolved, each white space a space.
func (s *scanner) attributeValue() ([]byte, *ParseError) {
	s.skipSpace()
	if !s.skip("=") {
		return nil, s.malformed("= and a quoted value are expected here")
	}
	s.skipSpace()
	quote := s.peek()
	if quote != '"' && quote != '\'' {
		return nil, s.malformed("a quoted value is expected here")
	}
	s.pos++
	rest := s.body[s.pos:]
	n := 0
	for n < len(rest) && class[rest[n]]&plainValue != 0 {
		n++
	}
	s.pos += n
	if s.peek() == quote {
		s.pos++
		return rest[:n], nil
	}
	return s.oddValue(quote, s.pos-n)
}

// oddValue reads the rest of a value, of which what stands between start and here is as it should be.
func (s *scanner) oddValue(quote byte, start int) ([]byte, *ParseError) {
	var changed []byte // the value, once it is not what stands in the body
	for s.peek() != quote {
		if s.pos >= len(s.body) || s.body[s.pos] == '<' {
			return nil, s.malformed("< may not stand in the value of an attribute")
		}
		from := s.pos
		r, err := s.attributeChar()
		if err != nil {
			return nil, err
		}
		if changed == nil && r >= 0 {
			changed = bytes.Clone(s.body[start:from])
		}
		switch {
		case r >= 0:
			changed = utf8.AppendRune(changed, r)
		case changed != nil:
			changed = append(changed, s.body[from:s.pos]...)
		}
	}
	value := s.body[start:s.pos]
	if changed != nil {
		value = changed
	}
	s.pos++
	return value, nil
}

// attributeChar passes one character of a value; it gives what stands for it, or -1 when that is itself.
func (s *scanner) attributeChar() (rune, *ParseError) {
	c := s.body[s.pos]
	if c == '&' {
		return s.reference()
	}
	size := s.charSize()
	if size == 0 {
		return 0, s.badChar()
	}
	s.pos += size
	if class[c]&space != 0 && c != ' ' {
		if c == '\r' && s.peek() == '\n' {
			s.pos++
		}
		return ' ', nil
	}
	return -1, nil
}

// resolve binds the prefixes that the tag declares and gives its names their namespaces.
func (s *scanner) resolve(e *element, prefix []byte, offset int) *ParseError {
	if len(s.attributes) > 0 {
		if err := s.declare(); err != nil {
			return err
		}
	}
	b, ok := s.namespaces.lookup(prefix)
	if !ok {
		return s.failAt(offset, CauseMalformed, "the element's prefix is not bound to a namespace")
	}
	e.space = b.space
	for i := range s.attributes {
		if err := s.resolveAttribute(e, i); err != nil {
			return err
		}
	}
	return nil
}

// resolveAttribute finds the namespace of attribute i, and keeps it when it is xsi:nil or xsi:type.
func (s *scanner) resolveAttribute(e *element, i int) *ParseError {
	a := &s.attributes[i]
	declares := isDeclaration(a)
	if !declares && len(a.prefix) > 0 {
		b, ok := s.namespaces.lookup(a.prefix)
		if !ok {
			return s.failAt(a.offset, CauseMalformed, "the attribute's prefix is not bound to a namespace")
		}
		a.uri = b.uri
		if b.space == spaceXSI && string(a.local) == "nil" {
			e.isNil = nilText(a.value)
		}
		if b.space == spaceXSI && string(a.local) == "type" {
			e.typed, s.xsiType = true, a.value
		}
	}
	for _, other := range s.attributes[:i] {
		if bytes.Equal(other.local, a.local) && isDeclaration(&other) == declares && bytes.Equal(other.uri, a.uri) {
			return s.failAt(a.offset, CauseMalformed, "the element has an attribute twice")
		}
	}
	return nil
}

// end passes the end tag of e, if it has one, and forgets the prefixes that e declared.
func (s *scanner) end(e *element) *ParseError {
	s.namespaces = s.namespaces[:e.outer]
	if e.empty {
		return nil
	}
	offset := s.pos
	rest, raw := s.body[s.pos:], s.written(e.raw)
	if n := len(raw); len(rest) > n+2 && rest[n+2] == '>' && bytes.Equal(rest[2:n+2], raw) {
		s.pos += n + 3
		s.depth--
		return nil
	}
	s.pos += 2 // the </
	var closing element
	if _, err := s.qname(&closing); err != nil {
		return err
	}
	if !bytes.Equal(s.written(closing.raw), raw) {
		return s.failAt(offset, CauseMalformed, "the end tag does not belong to the element that is open")
	}
	s.skipSpace()
	if !s.skip(">") {
		return s.malformed("> is expected here, at the end of an end tag")
	}
	s.depth--
	return nil
}
