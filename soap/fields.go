package soap

import (
	"bytes"
	"encoding/binary"
	"encoding/json"

	"ackbox/ledger"
)

// maxMembers is the maximum number of children of one element. Salesforce allows fewer than a
// thousand fields per object.
const maxMembers = 10_000

// mixedText is the JSON name of the text between an element's children. It is not a valid XML name.
const mixedText = "#text"

// member is one name and value of a JSON object, as offsets into decoder.out.
type member struct{ name, nameEnd, value, end int }

// record reads an sObject, which starts at offset, into n.
func (d *decoder) record(e *element, offset int, n *notification) *ParseError {
	d.wire.cut(0)
	if !d.objectType(e, n) {
		return d.failAt(offset, CauseLimit, "the xsi:type of an sObject is longer than 255 bytes")
	}
	head, start, isNil := d.wire.length, d.out.length, e.isNil
	d.copied = start
	if err := d.object(e, writer{}, n); err != nil {
		return err
	}
	if len(d.bytesOf(n.recordID)) > MaxID {
		return d.failAt(offset, CauseLimit, "the Id of an sObject is longer than 255 bytes")
	}
	if isNil && string(d.out.from(start)) == "{}" {
		d.out.cut(start)
		d.wire.cut(head)
		d.wire.writeString("null")
		d.copied = start
	}
	n.fields = span{start, d.out.length}
	d.copyOut()
	n.digest = ledger.DigestOf(d.wire.written())
	n.drift += n.plan.repeatDrift(d.repeated)
	return nil
}

// field reads one field of the record, of which the WSDLs say f, or nil if they do not declare it:
// it writes the value, counts drift, and takes the record's id from the first Id. The namespace of a
// field does not matter, as it is not stored: some client libraries write a record's fields in that
// of the message.
func (d *decoder) field(e *element, n *notification, f *field) *ParseError {
	name, kind := d.written(e.local), kindString
	if f != nil {
		n.place, kind = f.place+1, f.kind
	}
	isID := !n.recordID.found && string(name) == "Id"
	start := d.out.length
	fits, err := d.value(e, kind)
	if err != nil {
		return err
	}
	if n.plan != nil && (f == nil || !fits) {
		n.drift++
	}
	value := d.out.from(start)
	n.changed(name, value)
	if isID && value[0] == '"' {
		from := d.texts.length
		d.writeUnquoted(value)
		n.recordID = d.textFrom(from)
	}
	return nil
}

// changed sets changedAt from the JSON value of the field SystemModstamp or, if there is none,
// LastModifiedDate.
func (n *notification) changed(field, value []byte) {
	isStamp := string(field) == "SystemModstamp"
	if !isStamp && (string(field) != "LastModifiedDate" || n.stamped) || value[0] != '"' {
		return
	}
	if at, ok := ledger.ParseTime(value[1 : len(value)-1]); ok {
		n.changedAt, n.stamped = at, isStamp
	}
}

// writeUnquoted writes the text of a JSON string, which the decoder wrote, to texts.
func (d *decoder) writeUnquoted(value []byte) {
	if bytes.IndexByte(value, '\\') < 0 {
		d.texts.write(value[1 : len(value)-1])
		return
	}
	d.texts.writeString(unquoted(value))
}

// unquoted returns the text of a JSON string that the decoder wrote.
func unquoted(value []byte) (text string) {
	_ = json.Unmarshal(value, &text) // the decoder writes valid JSON
	return text
}

// objectType sets the record's plan or object type from its xsi:type and begins the content of the
// digest with it. It reports false for one that is too long.
func (d *decoder) objectType(e *element, n *notification) bool {
	var qname []byte
	if e.typed {
		qname = d.xsiType
	}
	name, space := d.resolveType(qname)
	if len(name) > MaxID {
		return false
	}
	var length [binary.MaxVarintLen64]byte
	d.wire.write(length[:binary.PutUvarint(length[:], uint64(len(name)))])
	d.wire.write(name)
	if p := d.types.plan(name); p != nil && space == spaceSObject {
		n.plan = p
		return true
	}
	from := d.texts.length
	d.texts.write(name)
	n.objectType = d.textFrom(from)
	return true
}

// resolveType returns the local name and the namespace of a QName. For one that cannot be resolved
// it returns all of it and spaceOther.
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

// object writes the children of e as a JSON object: the fields of a notification's record, or, if n
// is nil, strings. text is the text before the first child, as the inside of a JSON string. Runs of
// white space between the children are ignored; other runs of text are concatenated in the member
// mixedText.
func (d *decoder) object(e *element, text writer, n *notification) *ParseError {
	start, first := d.out.length, len(d.members)
	d.out.writeByte('{')
	for !e.empty {
		if err := d.layout(&text); err != nil {
			return err
		}
		if d.at("</") {
			break
		}
		if d.startsElement() {
			if err := d.member(first, n); err != nil {
				return err
			}
		}
	}
	if text.length > 0 {
		d.name(first, []byte(mixedText))
		d.out.writeByte('"')
		d.out.write(text.written())
		d.out.writeByte('"')
		d.members[len(d.members)-1].end = d.out.length
	}
	d.out.writeByte('}')
	d.repeated = d.joinRepeated(start, d.members[first:])
	d.members = d.members[:first]
	return d.end(e)
}

// copyOut copies to wire what was written to out since the last time. It must be called before out
// is changed otherwise than at its end. A copy for each name and value would take longer.
func (d *decoder) copyOut() {
	d.wire.write(d.out.from(d.copied))
	d.copied = d.out.length
}

// layout reads a run of text or a comment between two children. It appends a run that is not only
// white space to text.
func (d *decoder) layout(text *writer) *ParseError {
	before := d.pos
	if d.skipSpace() && d.peek() == '<' {
		return nil
	}
	d.pos = before
	start := text.length
	err := d.textPart(text, jsonText)
	if isBlankJSON(text.from(start)) {
		text.cut(start)
	}
	return err
}

// member reads a child and writes it as a member of the object whose members start at first.
func (d *decoder) member(first int, n *notification) *ParseError {
	offset := d.pos
	child, f := d.probable(n)
	if child == nil {
		var err *ParseError
		if child, err = d.start(); err != nil {
			return err
		}
		f = d.declared(child, n)
	}
	if len(d.members)-first == maxMembers {
		return d.failAt(offset, CauseLimit, "the element has more than 10000 children")
	}
	d.name(first, d.written(child.local))
	this := len(d.members) - 1
	if n == nil {
		if _, err := d.value(child, kindString); err != nil {
			return err
		}
	} else if err := d.field(child, n, f); err != nil {
		return err
	}
	d.members[this].end = d.out.length
	return nil
}

// probable reads the start tag of the field that probably comes next, if it does: one of the next in
// the order of the plan, without attributes and with the prefix of a field before it. To compare a
// tag is faster than to scan it. It returns nil, and reads nothing, for all others.
func (d *decoder) probable(n *notification) (*element, *field) {
	if n == nil || !n.prefix.found || d.depth == maxDepth {
		return nil, nil
	}
	raw := d.pos + 1 // after the <
	local := raw + n.prefix.end - n.prefix.start
	if local >= len(d.body) || !bytes.Equal(d.body[raw:local], d.written(n.prefix.span)) {
		return nil, nil
	}
	f := n.plan.startOf(d.body[local:], n.place)
	if f == nil {
		return nil, nil
	}
	e := &d.elements[d.depth]
	end := local + len(f.name)
	e.space, e.empty, e.isNil, e.typed, e.outer = spaceNone, false, false, false, len(d.namespaces)
	e.raw, e.local = span{raw, end}, span{local, end}
	d.pos = end + 1 // after the >
	d.depth++
	return e, f
}

// declared returns what the WSDLs declare of a child of a record, or nil. It remembers the prefix of
// a child that declares none: it is bound outside of the child.
func (d *decoder) declared(child *element, n *notification) *field {
	if n == nil || n.plan == nil {
		return nil
	}
	if child.outer == len(d.namespaces) {
		n.prefix = text{span{child.raw.start, child.local.start}, true}
	}
	return n.plan.field(d.written(child.local), n.place)
}

// name begins a member: it writes its name.
func (d *decoder) name(first int, name []byte) {
	if len(d.members) > first {
		d.out.writeByte(',')
	}
	m := member{name: d.out.length + 1, nameEnd: d.out.length + 1 + len(name)}
	d.out.writeName(name)
	m.value = d.out.length
	d.members = append(d.members, m)
}

// value reads the content of e and writes it as null, as the JSON literal or string of the kind, or
// as an object. An element with xsi:nil that has content all the same is not null. It reports
// whether the value fits the kind.
func (d *decoder) value(e *element, k kind) (fits bool, err *ParseError) {
	start := d.out.length
	d.out.writeByte('"')
	for !e.empty && !d.at("</") {
		if err := d.textPart(&d.out, jsonText); err != nil {
			return false, err
		}
		if d.startsElement() {
			return false, d.nested(e, start)
		}
	}
	if e.isNil && isBlankJSON(d.out.from(start+1)) {
		d.out.cut(start)
		d.out.writeString("null")
		return true, d.end(e)
	}
	d.out.writeByte('"')
	value := d.out.from(start)
	literal, fits := k.read(value[1 : len(value)-1])
	if literal != nil {
		d.copyOut()
		d.out.cut(start)
		d.out.write(literal)
		d.copied = d.out.length
	}
	return fits, d.end(e)
}

// nested reads the rest of an element, at its first child, and writes it as an object. The text
// before the child was written at start.
func (d *decoder) nested(e *element, start int) *ParseError {
	var text writer
	if before := d.out.from(start + 1); !isBlankJSON(before) {
		text.write(before)
	}
	d.out.cut(start)
	return d.object(e, text, nil)
}

// isBlankJSON reports whether the inside of a JSON string is only white space.
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

// noRecord is the digest of a notification without a record. That of a record is computed from the
// length of the object type, the object type, and the fields as JSON in the order sent, with all
// values as strings.
var noRecord = ledger.DigestOf(nil)
