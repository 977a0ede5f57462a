package soap

import (
	"bytes"
	"slices"
)

// joinRepeated makes an array of the values of each name that an object, written at start, has several times. It gives
// the names that it joined.
func (d *decoder) joinRepeated(start int, members []member) []string {
	if d.ascending(members) {
		return nil
	}
	values := make(map[string][]member, len(members))
	var names, repeated []string
	for _, m := range members {
		name := string(d.out[m.name:m.nameEnd])
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
	written := bytes.Clone(d.out[start:])
	d.out = append(d.out[:start], '{')
	for i, name := range names {
		if i > 0 {
			d.out = append(d.out, ',')
		}
		d.out = append(append(append(d.out, '"'), name...), '"', ':')
		d.joined(values[name], written, start)
	}
	d.out = append(d.out, '}')
	return repeated
}

// joined writes the values of one name, which stand in written, at offsets that count from start.
func (d *decoder) joined(values []member, written []byte, start int) {
	if len(values) > 1 {
		d.out = append(d.out, '[')
		defer func() { d.out = append(d.out, ']') }()
	}
	for i, m := range values {
		if i > 0 {
			d.out = append(d.out, ',')
		}
		d.out = append(d.out, written[m.value-start:m.end-start]...)
	}
}

// ascending tells whether the names rise, so that none can stand twice: Salesforce sends Id and then the fields in the
// order of their code points. A false may still mean that no name is repeated.
func (d *decoder) ascending(members []member) bool {
	name := func(m member) []byte { return d.out[m.name:m.nameEnd] }
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
