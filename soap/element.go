package soap

import (
	"bytes"
	"unicode/utf8"
)

// Limits of one element, far above what any sender writes. They keep the cost of a hostile body
// proportional to its size.
const (
	maxAttributes = 64
	maxBindings   = 64
)

// maxDepth is the maximum depth of elements. The Envelope is at depth 1; a real message needs 6.
const maxDepth = 32

// element is a start tag. It contains no pointers, so that the garbage collector need not scan it.
type element struct {
	space namespace
	empty bool // <a/>, which has no end tag
	isNil bool // has xsi:nil="true"
	typed bool // has an xsi:type, which is in scanner.xsiType until the next start tag
	raw   span // of the body: the name as written, which the end tag must repeat
	local span // of the body: the name without its prefix
	outer int  // the number of bindings in scope outside of it
}

// is reports whether the element has the name.
func (s *scanner) is(e *element, space namespace, local string) bool {
	return e.space == space && string(s.written(e.local)) == local
}

// written returns a span of the body.
func (s *scanner) written(p span) []byte { return s.body[p.start:p.end] }

// attribute is one attribute of a start tag, which may be a namespace declaration.
type attribute struct {
	prefix, local, value []byte
	offset               int
	uri                  []byte
}

// startsElement reports whether a start tag is next, rather than text or any other markup.
func (s *scanner) startsElement() bool {
	return s.peek() == '<' && s.pos+1 < len(s.body) &&
		(class[s.body[s.pos+1]]&nameStart != 0 || s.body[s.pos+1] >= 0x80)
}

// start reads a start tag. The element is valid until its end or, if it is empty, until the next
// call.
func (s *scanner) start() (*element, *ParseError) {
	offset := s.pos
	if s.depth == maxDepth {
		return nil, s.fail(CauseLimit, "elements nest deeper than 32")
	}
	e := &s.elements[s.depth]
	if s.known.again(s, e) {
		return e, nil
	}
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
	if e.typed && !e.empty {
		s.known.remember(s, e, offset)
	}
	return e, nil
}

// attributeList reads the attributes and the end of the tag. It reports whether the tag ends in />.
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

// qname reads the element's name into e and returns its prefix.
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

// attribute reads one attribute and appends it to attributes.
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

// attributeValue reads = and a quoted value. It returns the value with references resolved and each
// white space character as a space.
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
	return s.restOfValue(quote, s.pos-n)
}

// restOfValue reads the rest of a value that begins at start and is plain up to here.
func (s *scanner) restOfValue(quote byte, start int) ([]byte, *ParseError) {
	var changed []byte // the value, once it differs from the text in the body
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

// attributeChar reads one character or reference of a value. It returns the character that replaces
// it, or -1 if it stays as it is.
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

// resolve binds the prefixes that the tag declares and resolves its names to their namespaces.
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

// resolveAttribute sets the namespace of attribute i and checks that it is not a duplicate of an
// earlier one. It takes e.isNil and the type of e from xsi:nil and xsi:type.
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
	for j := range i {
		other := &s.attributes[j]
		if bytes.Equal(other.local, a.local) && isDeclaration(other) == declares &&
			bytes.Equal(other.uri, a.uri) {
			return s.failAt(a.offset, CauseMalformed, "the element has an attribute twice")
		}
	}
	return nil
}

// end reads the end tag of e, if it has one, and removes the bindings that e declared.
func (s *scanner) end(e *element) *ParseError {
	s.namespaces = s.namespaces[:e.outer]
	if e.outer < s.known.element.outer {
		s.known.tag = span{} // the bindings outside of it may change
	}
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
