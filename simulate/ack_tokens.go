package simulate

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// expect reads the start of the next element, which must have that name.
func (p *ackParser) expect(space, local string) error {
	start, err := p.child()
	if err == nil && start.Name != (xml.Name{Space: space, Local: local}) {
		err = noAck(fmt.Sprintf("there is no %s of %s where it is expected", local, space))
	}
	return err
}

// child reads up to the start of the next element and returns it. At the end of the parent it
// returns errDone, at the end of the body io.EOF.
func (p *ackParser) child() (xml.StartElement, error) {
	for {
		offset := p.decoder.InputOffset()
		token, err := p.token()
		if err != nil {
			return xml.StartElement{}, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			return t, nil
		case xml.EndElement:
			return xml.StartElement{}, errDone
		case xml.CharData:
			if len(bytes.Trim(t, xmlSpace)) > 0 {
				return xml.StartElement{}, noAck("there is text between the elements")
			}
		case xml.ProcInst:
			if t.Target != "xml" || offset > 0 {
				return xml.StartElement{}, noAck("SOAP forbids processing instructions")
			}
		case xml.Directive:
			return xml.StartElement{}, noAck("SOAP forbids a DTD")
		}
	}
}

// token returns the next token. It rejects what encoding/xml accepts: a duplicate attribute, and a
// prefix that is not bound, which encoding/xml returns in place of the namespace.
func (p *ackParser) token() (xml.Token, error) {
	token, err := p.decoder.Token()
	start, isStart := token.(xml.StartElement)
	if err != nil || !isStart {
		return token, err
	}
	for _, a := range start.Attr {
		if a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns" {
			p.namespaces = append(p.namespaces, a.Value)
		}
	}
	if !p.bound(start.Name) {
		return nil, errNames
	}
	for i, a := range start.Attr {
		same := func(b xml.Attr) bool { return a.Name == b.Name }
		if !p.bound(a.Name) || slices.ContainsFunc(start.Attr[:i], same) {
			return nil, errNames
		}
	}
	return token, nil
}

// errNames reports a duplicate attribute or a prefix that is not bound.
var errNames = errors.New("duplicate attribute or unbound prefix")

// bound reports whether a name is in no namespace or in one that was declared.
func (p *ackParser) bound(name xml.Name) bool {
	switch name.Space {
	case "", "xmlns", "http://www.w3.org/XML/1998/namespace":
		return true
	}
	return slices.Contains(p.namespaces, name.Space)
}

// end reads the end of the open element, before which no other element may come.
func (p *ackParser) end() error {
	start, err := p.child()
	if err == nil {
		return noAck("there is an unexpected element " + start.Name.Local)
	}
	if errors.Is(err, errDone) {
		return nil
	}
	return err
}

// skip reads the content of an element and checks only that it is well-formed.
func (p *ackParser) skip() error {
	for depth := 1; depth > 0; {
		token, err := p.token()
		if err != nil {
			return err
		}
		switch token.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		case xml.Directive, xml.ProcInst:
			return noAck("SOAP forbids a DTD and processing instructions")
		}
	}
	return nil
}

// boolean parses an xsd:boolean and the end of its element.
func (p *ackParser) boolean() (bool, error) {
	var text strings.Builder
	for {
		token, err := p.token()
		if err != nil {
			return false, err
		}
		switch t := token.(type) {
		case xml.CharData:
			text.Write(t)
		case xml.Comment:
		case xml.EndElement:
			switch strings.Trim(text.String(), xmlSpace) {
			case "true", "1":
				return true, nil
			case "false", "0":
				return false, nil
			}
			return false, noAck("the Ack is not true, 1, false or 0")
		default:
			return false, noAck("the Ack contains more than text")
		}
	}
}
