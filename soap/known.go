package soap

import "bytes"

// knownTag is the last start tag with an xsi:type. Salesforce repeats that of an sObject, with its
// declaration, for each record: to compare it is faster than to scan and resolve it again.
type knownTag struct {
	tag      span    // of the body, from < to >; empty if there is none
	element  element // that it starts
	xsiType  []byte
	bindings bindings // that it declares
}

// remember makes the tag of e, which starts at offset and has just been read, the known one.
func (k *knownTag) remember(s *scanner, e *element, offset int) {
	k.tag, k.element, k.xsiType = span{offset, s.pos}, *e, s.xsiType
	k.bindings = append(k.bindings[:0], s.namespaces[e.outer:]...)
}

// again reads a start tag into e if it is the known one, in the scope of the same bindings, and
// reports whether it is. A tag that declares nothing else than the known one means the same.
func (k *knownTag) again(s *scanner, e *element) bool {
	if k.tag.end == 0 || len(s.namespaces) != k.element.outer ||
		!bytes.HasPrefix(s.body[s.pos:], s.written(k.tag)) {
		return false
	}
	moved := s.pos - k.tag.start
	*e = k.element
	e.raw = span{e.raw.start + moved, e.raw.end + moved}
	e.local = span{e.local.start + moved, e.local.end + moved}
	s.namespaces = append(s.namespaces, k.bindings...)
	s.xsiType = k.xsiType
	s.pos += k.tag.end - k.tag.start
	s.depth++
	return true
}

// reset forgets the tag, which refers to the body.
func (k *knownTag) reset() {
	clear(k.bindings[:cap(k.bindings)])
	*k = knownTag{bindings: k.bindings[:0]}
}
