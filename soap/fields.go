package soap

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
)

// maxMembers bounds the fields of one object. Salesforce allows an object fewer than a thousand.
const maxMembers = 10_000

// mixedText is the key of the text that stands beside an element's children. No XML name can be the same.
const mixedText = "#text"

// member is one name and value of a JSON object, as offsets into decoder.out.
type member struct{ name, nameEnd, value, end int }

// record reads an sObject into n.
func (d *decoder) record(e *element, n *Notification) *ParseError {
	plan := d.objectType(e, n)
	d.wire = appendDigestHead(d.wire[:0], *n.ObjectType)
	start, isNil := len(d.out), e.isNil
	err := d.object(e, nil, func(child *element) *ParseError { return d.field(child, plan, n) })
	if err != nil {
		return err
	}
	fields := d.out[start:len(d.out):len(d.out)]
	if isNil && string(fields) == "{}" {
		d.wire = append(appendDigestHead(d.wire[:0], *n.ObjectType), "null"...)
	} else {
		n.Fields = json.RawMessage(fields)
	}
	n.Digest = digestOf(d.wire)
	n.Drift += plan.repeatDrift(d.repeated)
	return nil
}

// field reads one field of the record: its value, its share of the drift and, when it is Id, the record's id.
func (d *decoder) field(e *element, p *plan, n *Notification) *ParseError {
	f, known := p.field(e)
	isID := n.RecordID == nil && e.is(spaceSObject, "Id")
	start := len(d.out)
	fits, err := d.value(e, f.kind)
	if err != nil {
		return err
	}
	if p != nil && (!known || !fits) {
		n.Drift++
	}
	if value := d.out[start:]; isID && value[0] == '"' {
		id := unquoted(value)
		n.RecordID = &id
	}
	return nil
}

// unquoted is the text of a JSON string that the decoder wrote.
func unquoted(value []byte) string {
	if bytes.IndexByte(value, '\\') < 0 {
		return string(value[1 : len(value)-1])
	}
	var text string
	_ = json.Unmarshal(value, &text) // what the decoder writes is a JSON string
	return text
}

// objectType reads the record's type off its xsi:type and finds the plan for it.
func (d *decoder) objectType(e *element, n *Notification) *plan {
	name, space := d.resolveType(e.kind)
	if p := d.types.plan(name); p != nil && space == spaceSObject {
		n.ObjectType = &p.object
		return p
	}
	object := string(name)
	n.ObjectType = &object
	return nil
}

// resolveType gives the local name and the namespace of a QName. One that cannot be resolved is its own name.
func (d *decoder) resolveType(qname []byte) ([]byte, namespace) {
	qname = bytes.Trim(qname, xmlSpace)
	prefix, local, found := bytes.Cut(qname, []byte(":"))
	if !found {
		prefix, local = nil, qname
	}
	b, bound := d.namespaces.lookup(prefix)
	if !bound || len(local) == 0 || found && len(prefix) == 0 || bytes.IndexByte(local, ':') >= 0 {
		return qname, spaceOther
	}
	return local, b.space
}

// object writes the children of e as a JSON object, each value by read. text is what stood before the first child, in
// JSON's form. A run of text that is only white space is layout; other runs are joined under mixedText.
func (d *decoder) object(e *element, text []byte, read func(child *element) *ParseError) *ParseError {
	start, first := len(d.out), len(d.members)
	d.out, d.wire = append(d.out, '{'), append(d.wire, '{')
	for !e.empty {
		var err *ParseError
		if text, err = d.layout(text); err != nil {
			return err
		}
		if d.at("</") {
			break
		}
		if d.startsElement() {
			if err := d.member(first, read); err != nil {
				return err
			}
		}
	}
	if len(text) > 0 {
		d.name(first, []byte(mixedText))
		value := len(d.out)
		d.out = append(append(append(d.out, '"'), text...), '"')
		d.wire = append(d.wire, d.out[value:]...)
		d.members[len(d.members)-1].end = len(d.out)
	}
	d.out, d.wire = append(d.out, '}'), append(d.wire, '}')
	d.repeated = d.joinRepeated(start, d.members[first:])
	d.members = d.members[:first]
	return d.end(e)
}

// layout passes what stands between two children, and appends it to text unless it is white space or a comment.
func (d *decoder) layout(text []byte) ([]byte, *ParseError) {
	before := d.pos
	if d.skipSpace() && d.peek() == '<' {
		return text, nil
	}
	d.pos = before
	length := len(text)
	text, err := d.textPart(text, jsonText)
	if err == nil && isBlankJSON(text[length:]) {
		text = text[:length]
	}
	return text, err
}

// member writes one child as a member of the object whose members start at first.
func (d *decoder) member(first int, read func(child *element) *ParseError) *ParseError {
	offset := d.pos
	child, err := d.start()
	if err != nil {
		return err
	}
	if len(d.members)-first == maxMembers {
		return d.failAt(offset, CauseLimit, "the element has more than 10000 children")
	}
	d.name(first, child.local)
	this := len(d.members) - 1
	if err := read(&child); err != nil {
		return err
	}
	d.members[this].end = len(d.out)
	return nil
}

// name writes the name of a member.
func (d *decoder) name(first int, name []byte) {
	if len(d.members) > first {
		d.out, d.wire = append(d.out, ','), append(d.wire, ',')
	}
	m := member{name: len(d.out) + 1}
	d.out = append(append(append(d.out, '"'), name...), '"', ':')
	m.nameEnd, m.value = len(d.out)-2, len(d.out)
	d.wire = append(d.wire, d.out[m.name-1:]...)
	d.members = append(d.members, m)
}

// value writes the content of e: null, text in the form that kind gives it, or an object. It tells whether that fits
// the kind.
func (d *decoder) value(e *element, k kind) (fits bool, err *ParseError) {
	start := len(d.out)
	d.out = append(d.out, '"')
	for !e.empty && !d.at("</") {
		if d.out, err = d.textPart(d.out, jsonText); err != nil {
			return false, err
		}
		if d.startsElement() {
			return false, d.nested(e, start)
		}
	}
	text := d.out[start+1:]
	if e.isNil && isBlankJSON(text) {
		d.out = append(d.out[:start], "null"...)
		d.wire = append(d.wire, "null"...)
		return true, d.end(e)
	}
	d.out = append(d.out, '"')
	d.wire = append(d.wire, d.out[start:]...)
	literal, fits := k.read(text)
	if literal != nil {
		d.out = append(d.out[:start], literal...)
	}
	return fits, d.end(e)
}

// nested writes an element of which the first child has come, and whose text until then was written at start.
func (d *decoder) nested(e *element, start int) *ParseError {
	var text []byte
	if before := d.out[start+1:]; !isBlankJSON(before) {
		text = bytes.Clone(before)
	}
	d.out = d.out[:start]
	return d.object(e, text, func(child *element) *ParseError {
		_, err := d.value(child, kindString)
		return err
	})
}

// isBlankJSON tells whether the inside of a JSON string is only white space.
func isBlankJSON(text []byte) bool {
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && bytes.IndexByte([]byte("ntr"), text[i+1]) >= 0 {
			i++
		} else if text[i] != ' ' {
			return false
		}
	}
	return true
}

// appendDigestHead starts what the digest of a record of an object type is made of.
func appendDigestHead(to []byte, objectType string) []byte {
	return append(binary.AppendUvarint(to, uint64(len(objectType))), objectType...)
}

// digestOf is the digest of a content, of which nothing stands for a notification without a record.
func digestOf(content []byte) Digest {
	sum := sha256.Sum256(content)
	return Digest(sum[:len(Digest{})])
}
