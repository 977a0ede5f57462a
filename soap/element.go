package soap

import "bytes"

// Bounds of one element, far above what any sender writes: they keep a hostile body's cost in line with its size.
const (
	maxAttributes = 64
	maxBindings   = 64
)

// element is a start tag that was read.
type element struct {
	space namespace
	local []byte
	raw   []byte // the name as written: the end tag must repeat it
	empty bool   // <a/>, which has no end tag
	isNil bool   // xsi:nil
	typed bool   // has an xsi:type
	kind  []byte // the QName in xsi:type as written
	outer int    // how many prefixes were bound outside of it
}

// is tells whether the element has a name.
func (e *element) is(space namespace, local string) bool {
	return e.space == space && string(e.local) == local
}

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

// start reads the start tag here.
func (s *scanner) start() (element, *ParseError) {
	offset := s.pos
	e := element{outer: len(s.namespaces)}
	s.pos++ // the <
	prefix, err := s.qname(&e)
	if err != nil {
		return e, err
	}
	s.attributes = s.attributes[:0]
	for s.peek() != '>' {
		spaced := s.skipSpace()
		if s.peek() == '>' {
			break
		}
		if s.skip("/>") {
			e.empty = true
			break
		}
		if !spaced {
			return e, s.malformed("the start tag must go on with white space, > or />")
		}
		if err := s.attribute(); err != nil {
			return e, err
		}
	}
	if !e.empty {
		s.pos++ // the >
	}
	return e, s.resolve(&e, prefix, offset)
}

// qname reads the element's name into e and gives its prefix.
func (s *scanner) qname(e *element) (prefix []byte, err *ParseError) {
	offset := s.pos
	if e.local, err = s.name(); err != nil {
		return nil, err
	}
	if s.skip(":") {
		prefix = e.local
		if e.local, err = s.name(); err != nil {
			return nil, err
		}
	}
	e.raw = s.body[offset:s.pos]
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
	start := s.pos
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
			changed = appendRune(changed, r, rawText)
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
	if s.depth+1 > MaxDepth {
		return s.failAt(offset, CauseLimit, "elements nest deeper than 32")
	}
	if err := s.declare(); err != nil {
		return err
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
	if e.empty {
		return nil
	}
	s.depth++
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
			e.typed, e.kind = true, a.value
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
	rest := s.body[s.pos:]
	if n := len(e.raw); len(rest) > n+2 && rest[n+2] == '>' && bytes.Equal(rest[2:n+2], e.raw) {
		s.pos += n + 3
		s.depth--
		return nil
	}
	s.pos += 2 // the </
	var closing element
	if _, err := s.qname(&closing); err != nil {
		return err
	}
	if !bytes.Equal(closing.raw, e.raw) {
		return s.failAt(offset, CauseMalformed, "the end tag does not belong to the element that is open")
	}
	s.skipSpace()
	if !s.skip(">") {
		return s.malformed("> is expected here, at the end of an end tag")
	}
	s.depth--
	return nil
}
