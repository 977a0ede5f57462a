package soap_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"time"

	"ackbox/ledger"
	"ackbox/soap"
)

// The first oracle is a tree made with encoding/xml. What Decode accepts, the tree must accept and
// read the same. What Decode rejects and the tree accepts must match one of rejectionRules.

// node is an element: its children are nodes and runs of text, in order.
type node struct {
	name     xml.Name
	attr     []xml.Attr
	children []any
	parent   *node
}

// document is a body as encoding/xml reads it, with what a tree does not show.
type document struct {
	roots    []*node
	outside  string // text around the roots
	cdata    bool   // whether a CDATA section is part of outside
	dtd      bool
	procInst int // the number of processing instructions and XML declarations
	comments string
	oddities int // how often the rules of leniency apply to the body
}

func parseTree(body []byte) (*document, error) {
	doc := &document{}
	var open []*node
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	d := xml.NewDecoder(bytes.NewReader(body))
	for {
		offset := d.InputOffset()
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return doc, nil
		}
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			n := &node{name: token.Name, attr: token.Attr}
			if len(open) == 0 {
				doc.roots = append(doc.roots, n)
			} else {
				n.parent = open[len(open)-1]
				n.parent.children = append(n.parent.children, n)
			}
			open = append(open, n)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) == 0 {
				doc.outside += string(token)
				doc.cdata = doc.cdata || body[offset] == '<'
			} else {
				parent := open[len(open)-1]
				parent.children = append(parent.children, string(token))
			}
		case xml.Directive:
			doc.dtd = true
		case xml.ProcInst:
			doc.procInst++
		case xml.Comment:
			doc.comments += string(token)
		}
	}
}

func (n *node) is(space, local string) bool { return n.name == xml.Name{Space: space, Local: local} }

func (n *node) elements() (elements []*node) {
	for _, c := range n.children {
		if e, ok := c.(*node); ok {
			elements = append(elements, e)
		}
	}
	return elements
}

func (n *node) named(space, local string) (elements []*node) {
	for _, e := range n.elements() {
		if e.is(space, local) {
			elements = append(elements, e)
		}
	}
	return elements
}

// fields returns the children of a record that have a name, in any namespace.
func (n *node) fields(name string) (fields []*node) {
	for _, e := range n.elements() {
		if e.name.Local == name {
			fields = append(fields, e)
		}
	}
	return fields
}

// runs returns the runs of text among the children.
func (n *node) runs() (runs []string) {
	for _, c := range n.children {
		if text, ok := c.(string); ok {
			runs = append(runs, text)
		}
	}
	return runs
}

func (n *node) text() string { return strings.Join(n.runs(), "") }

func (n *node) xsi(local string) (string, bool) {
	for _, a := range n.attr {
		if a.Name == (xml.Name{Space: soap.XSINS, Local: local}) {
			return strings.Trim(a.Value, " \t\r\n"), true
		}
	}
	return "", false
}

func blank(text string) bool { return strings.Trim(text, " \t\r\n") == "" }

// value returns the JSON value of the element in an object without a WSDL.
func (n *node) value() any {
	if len(n.elements()) > 0 {
		return n.object()
	}
	isNil, _ := n.xsi("nil")
	if (isNil == "true" || isNil == "1") && blank(n.text()) {
		return nil
	}
	return n.text()
}

// object returns the children by their local names, the repeated ones in arrays, and the text
// between them unless it is white space.
func (n *node) object() map[string]any {
	object, count := map[string]any{}, map[string]int{}
	for _, e := range n.elements() {
		name := e.name.Local
		switch count[name]++; count[name] {
		case 1:
			object[name] = e.value()
		case 2:
			object[name] = []any{object[name], e.value()}
		default:
			object[name] = append(object[name].([]any), e.value())
		}
	}
	var text string
	for _, run := range n.runs() {
		if !blank(run) {
			text += run
		}
	}
	if text != "" {
		object["#text"] = text
	}
	return object
}

// readTree returns the message in a tree that has the shape of one.
func readTree(doc *document) *ledger.Batch {
	body := doc.roots[0].named(soap.EnvelopeNS, "Body")[0]
	message := body.named(soap.OutboundNS, "notifications")[0]
	m := &ledger.Batch{
		Intake:         ledger.SOAP,
		OrganizationID: message.named(soap.OutboundNS, "OrganizationId")[0].text(),
	}
	for _, e := range message.named(soap.OutboundNS, "ActionId") {
		m.ActionID = e.text()
	}
	for _, e := range message.named(soap.OutboundNS, "Notification") {
		n := ledger.Entry{ID: e.named(soap.OutboundNS, "Id")[0].text()}
		for _, record := range e.named(soap.OutboundNS, "sObject") {
			record.read(&n)
		}
		m.Entries = append(m.Entries, n)
	}
	return m
}

func (n *node) read(to *ledger.Entry) {
	object := n.object()
	isNil, _ := n.xsi("nil")
	if isNil != "true" && isNil != "1" || len(object) > 0 {
		to.Fields, _ = json.Marshal(object)
	}
	for _, e := range n.fields("Id") {
		if id, ok := e.value().(string); ok && to.RecordID == nil {
			to.RecordID = &id
		}
	}
	to.ChangedAt = n.changedAt()
	qname, _ := n.xsi("type")
	local := qname
	prefix, rest, found := strings.Cut(qname, ":")
	if found && n.binds(prefix) && rest != "" && !strings.Contains(rest, ":") {
		local = rest
	}
	to.ObjectType = &local
}

// changedAt returns the record's SystemModstamp, else its LastModifiedDate; of several the last
// that is a time.
func (n *node) changedAt() time.Time {
	for _, field := range []string{"SystemModstamp", "LastModifiedDate"} {
		var last time.Time
		for _, e := range n.fields(field) {
			text, _ := e.value().(string)
			for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700"} {
				at, err := time.Parse(layout, text)
				if at = at.UTC(); err == nil && at.Year() > 0 && at.Year() < 10_000 {
					last = at
				}
			}
		}
		if !last.IsZero() {
			return last
		}
	}
	return time.Time{}
}

// binds reports whether a prefix is bound at the element.
func (n *node) binds(prefix string) bool {
	for ; n != nil; n = n.parent {
		for _, a := range n.attr {
			if a.Name == (xml.Name{Space: "xmlns", Local: prefix}) {
				return true
			}
		}
	}
	return prefix == "xml"
}
