package soap

import "bytes"

// namespace is the number of a namespace that the decoder knows, so that names compare fast.
type namespace uint8

const (
	spaceNone namespace = iota
	spaceOther
	spaceEnvelope
	spaceEnvelope12
	spaceOutbound
	spaceSObject
	spaceXSI
)

const (
	xmlNS   = "http://www.w3.org/XML/1998/namespace"
	xmlnsNS = "http://www.w3.org/2000/xmlns/"
)

func namespaceOf(uri []byte) namespace {
	switch string(uri) {
	case "":
		return spaceNone
	case EnvelopeNS:
		return spaceEnvelope
	case Envelope12NS:
		return spaceEnvelope12
	case OutboundNS:
		return spaceOutbound
	case SObjectNS:
		return spaceSObject
	case XSINS:
		return spaceXSI
	}
	return spaceOther
}

// binding binds a prefix to a namespace. The empty prefix is that of the default namespace.
type binding struct {
	prefix, uri []byte
	space       namespace
}

// bindings are the bindings in scope, the innermost last.
type bindings []binding

var (
	xmlBinding = binding{prefix: []byte("xml"), uri: []byte(xmlNS), space: spaceOther}
	noBinding  = binding{}
)

// lookup returns the binding of a prefix, which must not be changed, and whether there is one. The
// empty prefix is always bound, without a default namespace to none.
func (b bindings) lookup(prefix []byte) (*binding, bool) {
	for i := len(b) - 1; i >= 0; i-- {
		if bytes.Equal(b[i].prefix, prefix) {
			return &b[i], true
		}
	}
	if string(prefix) == "xml" {
		return &xmlBinding, true
	}
	return &noBinding, len(prefix) == 0
}

// isDeclaration reports whether an attribute is xmlns or xmlns:prefix.
func isDeclaration(a *attribute) bool {
	if len(a.prefix) == 0 {
		return string(a.local) == "xmlns"
	}
	return string(a.prefix) == "xmlns"
}

// declare binds the prefixes that the attributes of the start tag declare.
func (s *scanner) declare() *ParseError {
	for i := range s.attributes {
		a := &s.attributes[i]
		if !isDeclaration(a) {
			continue
		}
		b := binding{uri: a.value, space: namespaceOf(a.value)}
		if len(a.prefix) > 0 {
			b.prefix = a.local
		}
		if problem := b.problem(); problem != "" {
			return s.failAt(a.offset, CauseMalformed, problem)
		}
		if len(s.namespaces) == maxBindings {
			return s.failAt(a.offset, CauseLimit, "more prefixes are declared than in any outbound message")
		}
		s.namespaces = append(s.namespaces, b)
	}
	return nil
}

// problem describes how a declaration violates "Namespaces in XML 1.0". It returns "" for a valid
// one.
func (b *binding) problem() string {
	isXML := string(b.prefix) == "xml"
	switch {
	case string(b.prefix) == "xmlns" || string(b.uri) == xmlnsNS:
		return "the prefix xmlns and its namespace may not be declared"
	case isXML != (string(b.uri) == xmlNS):
		return "the prefix xml and its namespace belong together"
	case len(b.uri) == 0 && len(b.prefix) > 0:
		return "a prefix may not be bound to no namespace"
	}
	return ""
}
