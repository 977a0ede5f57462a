package wsdl

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
)

// element is an XML element without its text: a schema holds everything in attributes.
type element struct {
	name     xml.Name
	attrs    []xml.Attr
	prefixes map[string]string // by prefix, in scope; the parent's map if it declares none
	line     int               // of its "<"
	children []*element
}

// readTree parses what [Text] returned and returns its root element. Each error is an [*Error] without the
// file.
func readTree(text []byte) (*element, error) {
	d := newDecoder(text)
	document := &element{prefixes: map[string]string{"xml": "http://www.w3.org/XML/1998/namespace"}}
	for open := []*element{document}; ; {
		line, _ := d.InputPos()
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return document.root()
		}
		if err != nil {
			return nil, notXML(err, line)
		}
		switch token := token.(type) {
		case xml.StartElement:
			child := newElement(token, open[len(open)-1], line)
			open = append(open, child)
		case xml.EndElement:
			open = open[:len(open)-1]
		}
	}
}

func newElement(start xml.StartElement, parent *element, line int) *element {
	e := &element{name: start.Name, attrs: start.Attr, prefixes: parent.prefixes, line: line}
	parent.children = append(parent.children, e)
	cloned := false
	for _, a := range e.attrs {
		isDefault := a.Name == xml.Name{Local: "xmlns"}
		if !isDefault && a.Name.Space != "xmlns" {
			continue
		}
		if !cloned {
			e.prefixes, cloned = maps.Clone(e.prefixes), true
		}
		prefix := a.Name.Local
		if isDefault {
			prefix = ""
		}
		e.prefixes[prefix] = a.Value
	}
	return e
}

// root returns the only child of a document.
func (e *element) root() (*element, error) {
	switch len(e.children) {
	case 0:
		return nil, problem(0, "the file has no XML element; %s", howToGet)
	case 1:
		return e.children[0], nil
	}
	return nil, problem(e.children[1].line,
		"there is a second root element <%s>: the file holds more than one document; %s",
		e.children[1].name.Local, howToGet)
}

func notXML(err error, line int) error {
	if syntax, ok := errors.AsType[*xml.SyntaxError](err); ok {
		return problem(syntax.Line, "not well-formed XML: %s; the file is damaged or truncated: %s",
			syntax.Msg, howToGet)
	}
	return problem(line, "not XML in UTF-8: %s, or %s", strings.TrimPrefix(err.Error(), "xml: "),
		howToGet)
}

// named returns the children of that name.
func (e *element) named(space, local string) (found []*element) {
	for _, child := range e.children {
		if child.name == (xml.Name{Space: space, Local: local}) {
			found = append(found, child)
		}
	}
	return found
}

// walk descends to the first child of each name in the XML Schema namespace. It returns nil if one
// is missing.
func (e *element) walk(locals ...string) *element {
	for _, local := range locals {
		children := e.named(xsdNS, local)
		if len(children) == 0 {
			return nil
		}
		e = children[0]
	}
	return e
}

// attr returns the value of the attribute of that name without a namespace, or "" if there is none.
func (e *element) attr(local string) string {
	for _, a := range e.attrs {
		if a.Name == (xml.Name{Local: local}) {
			return strings.TrimSpace(a.Value)
		}
	}
	return ""
}

// reference resolves the QName in an attribute with the prefixes in scope.
func (e *element) reference(attribute string) (xml.Name, error) {
	text := e.attr(attribute)
	if text == "" {
		return xml.Name{}, problem(e.line, "the element %q has no attribute %s; %s", e.attr("name"),
			attribute, howToGet)
	}
	if err := checkQName(e, text); err != nil {
		return xml.Name{}, err
	}
	prefix, local, found := strings.Cut(text, ":")
	if !found {
		prefix, local = "", text
	}
	space, declared := e.prefixes[prefix]
	if found && !declared {
		return xml.Name{}, problem(e.line, "the prefix of %q is not declared; %s", text, howToGet)
	}
	return xml.Name{Space: space, Local: local}, nil
}

// problem returns an error without the file's name, which [Parse] adds.
func problem(line int, format string, args ...any) error {
	return &Error{Line: line, Problem: fmt.Sprintf(format, args...)}
}
