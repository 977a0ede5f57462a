package simulate

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// only reads the start of the element that must come next.
func (p *ackParser) only(space, local string) error {
	start, err := p.child()
	if err == nil && start.Name != (xml.Name{Space: space, Local: local}) {
		err = noAck(fmt.Sprintf("%s of %s is not where it belongs", local, space))
	}
	return err
}

// child reads up to the next start of an element. The end of the element around it is errDone, that of the body io.EOF.
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
				return xml.StartElement{}, noAck("text stands where only elements belong")
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

// token is the next token, checked for what encoding/xml passes over: an attribute that comes twice and a prefix that
// is not bound, which it gives as if it were the namespace.
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

// errNames is an attribute that comes twice or a prefix that is not bound.
var errNames = errors.New("wrong names")

// bound tells whether a name is in a namespace that was declared, or in none.
func (p *ackParser) bound(name xml.Name) bool {
	switch name.Space {
	case "", "xmlns", "http://www.w3.org/XML/1998/namespace":
		return true
	}
	return slices.Contains(p.namespaces, name.Space)
}

// end reads the end of the element that is open; another element before it is one too many.
func (p *ackParser) end() error {
	start, err := p.child()
	if err == nil {
		return noAck("there is one element too many: " + start.Name.Local)
	}
	if errors.Is(err, errDone) {
		return nil
	}
	return err
}

// skip reads over the content of an element, for its form only.
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

// boolean reads an xsd:boolean and the end of its element.
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
			return false, noAck("the Ack is neither true, 1, false nor 0")
		default:
			return false, noAck("the Ack holds more than text")
		}
	}
}
