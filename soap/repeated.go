package soap

import (
	"bytes"
	"slices"
)

// joinRepeated rewrites the object at start so that each repeated name occurs once, with an array
// of its values. It returns the names that were repeated.
func (d *decoder) joinRepeated(start int, members []member) []string {
	if d.ascending(members) {
		return nil
	}
	values := make(map[string][]member, len(members))
	var names, repeated []string
	for _, m := range members {
		name := string(d.out.buffer[m.name:m.nameEnd])
		switch len(values[name]) {
		case 0:
			names = append(names, name)
		case 1:
			repeated = append(repeated, name)
		}
		values[name] = append(values[name], m)
	}
	if repeated == nil {
		return nil
	}
	d.copyOut()
	written := bytes.Clone(d.out.from(start))
	d.out.cut(start)
	separator := byte('{')
	for _, name := range names {
		d.out.writeByte(separator)
		d.out.writeString(`"` + name + `":`)
		d.joined(values[name], written, start)
		separator = ','
	}
	d.out.writeByte('}')
	d.copied = d.out.length
	return repeated
}

// joined writes the values of one name, an array if there are several. Their offsets are into
// decoder.out; written is what was there from start on.
func (d *decoder) joined(values []member, written []byte, start int) {
	if len(values) == 1 {
		d.out.write(written[values[0].value-start : values[0].end-start])
		return
	}
	separator := byte('[')
	for _, m := range values {
		d.out.writeByte(separator)
		d.out.write(written[m.value-start : m.end-start])
		separator = ','
	}
	d.out.writeByte(']')
}

// ascending reports whether the names are in ascending order, so that none is repeated: Salesforce
// sends Id and then the other fields in order of code points. If it reports false, names may or may
// not be repeated.
func (d *decoder) ascending(members []member) bool {
	name := func(m member) []byte { return d.out.buffer[m.name:m.nameEnd] }
	isID := func(m member) bool { return string(name(m)) == "Id" }
	if len(members) > 0 && isID(members[0]) {
		if members = members[1:]; slices.ContainsFunc(members, isID) {
			return false
		}
	}
	for i := 1; i < len(members); i++ {
		if bytes.Compare(name(members[i-1]), name(members[i])) >= 0 {
			return false
		}
	}
	return true
}
