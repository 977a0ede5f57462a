package soap

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// Types holds the kinds of the fields of each object type, compiled from the generated record
// types. A nil *Types has no object types.
type Types struct{ plans map[string]*plan }

// plan holds what the WSDLs say about the fields of one object type.
type plan struct {
	object string
	fields map[string]*field
	order  []*field // as Salesforce sends them: Id, then by code point
}

// field is one field of a record type.
type field struct {
	name    string
	kind    kind
	repeats bool  // whether it is a slice: the element may be repeated
	index   []int // of the struct's field
	place   int   // in the plan's order
	isName  bool  // whether the name is one that the scanner reads in its entirety
}

// NewTypes compiles the types of records. If there are several types for one object, their fields
// are joined. If they disagree on the kind of a field, NewTypes returns an error that names the
// object and the field.
func NewTypes(records ...Record) (*Types, error) {
	t := &Types{plans: make(map[string]*plan, len(records))}
	for _, r := range records {
		fields, err := fieldsOf(reflect.TypeOf(r).Elem())
		if err != nil {
			return nil, err
		}
		if err := t.add(r.ObjectType(), fields); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *Types) add(object string, fields []field) error {
	p := t.plans[object]
	if p == nil {
		p = &plan{object: object, fields: make(map[string]*field, len(fields))}
		t.plans[object] = p
	}
	for _, f := range fields {
		if old, ok := p.fields[f.name]; ok && (old.kind != f.kind || old.repeats != f.repeats) {
			return fmt.Errorf("two types for %s disagree on the kind of the field %s: "+
				"generate them again", object, f.name)
		}
		p.fields[f.name] = &f
	}
	p.sort()
	return nil
}

// sort sets order, and the place of each field in it.
func (p *plan) sort() {
	sentAs := func(f *field) string {
		if f.name == "Id" {
			return "" // Id is first
		}
		return f.name
	}
	p.order = slices.SortedFunc(maps.Values(p.fields), func(a, b *field) int {
		return strings.Compare(sentAs(a), sentAs(b))
	})
	for i, f := range p.order {
		f.place = i
		name, err := (&scanner{body: []byte(f.name)}).name()
		f.isName = err == nil && len(name) == len(f.name)
	}
}

// plan returns the plan of an object type, or nil.
func (t *Types) plan(object []byte) *plan {
	if t == nil {
		return nil
	}
	return t.plans[string(object)]
}

// maxSkipped is how many missing fields in a row, which were null, the method field skips in the
// order before it uses the map.
const maxSkipped = 3

// next returns the fields from a place in the order on that probably come next.
func (p *plan) next(place int) []*field {
	return p.order[place:min(place+maxSkipped+1, len(p.order))]
}

// field returns the field of a record's child, which is probably at the place in the order or soon
// after it, or nil if the WSDLs do not declare it.
func (p *plan) field(name []byte, place int) *field {
	for _, f := range p.next(place) {
		if f.name == string(name) {
			return f
		}
	}
	return p.fields[string(name)]
}

// startOf returns the field, at the place in the order or soon after it, with whose name text begins
// and then ends the start tag, or nil.
func (p *plan) startOf(text []byte, place int) *field {
	for _, f := range p.next(place) {
		n := len(f.name)
		if n < len(text) && text[n] == '>' && string(text[:n]) == f.name && f.isName {
			return f
		}
	}
	return nil
}

// repeatDrift returns how many of the repeated names are fields that, by the WSDLs, occur only
// once.
func (p *plan) repeatDrift(names []string) int {
	if p == nil {
		return 0
	}
	drift := 0
	for _, name := range names {
		if f := p.fields[name]; f == nil || !f.repeats {
			drift++
		}
	}
	return drift
}

// fieldKinds maps the Go types of generated fields, except ID and other strings, to their kinds.
var fieldKinds = map[reflect.Type]kind{
	reflect.TypeFor[bool]():         kindBoolean,
	reflect.TypeFor[int32]():        kindInt,
	reflect.TypeFor[float64]():      kindDouble,
	reflect.TypeFor[DateTime]():     kindDateTime,
	reflect.TypeFor[Date]():         kindDate,
	reflect.TypeFor[Time]():         kindTime,
	reflect.TypeFor[Base64Binary](): kindBase64,
}

var compiled sync.Map // of reflect.Type to []field

// fieldsOf returns the fields of a generated record type, which it reads from its xml tags.
func fieldsOf(t reflect.Type) ([]field, error) {
	if fields, ok := compiled.Load(t); ok {
		return fields.([]field), nil
	}
	var fields []field
	for _, sf := range reflect.VisibleFields(t) {
		tag, _, _ := strings.Cut(sf.Tag.Get("xml"), ",")
		name := tag[strings.LastIndexByte(tag, ' ')+1:]
		if sf.Anonymous || name == "" || name == "-" || sf.Name == "XMLName" {
			continue
		}
		f := field{name: name, index: sf.Index}
		if err := f.setKind(sf.Type); err != nil {
			return nil, fmt.Errorf("%s.%s: %w", t, sf.Name, err)
		}
		fields = append(fields, f)
	}
	compiled.Store(t, fields)
	return fields, nil
}

// setKind sets the kind, and whether the field repeats, from its Go type: a pointer to a value, or
// a slice of such pointers.
func (f *field) setKind(t reflect.Type) error {
	if t.Kind() == reflect.Slice {
		f.repeats, t = true, t.Elem()
	}
	if t.Kind() != reflect.Pointer {
		return fmt.Errorf("%s is not a pointer: generate the types again", t)
	}
	t = t.Elem()
	k, ok := fieldKinds[t]
	if !ok && t.Kind() != reflect.String {
		return fmt.Errorf("no XML Schema type maps to %s: generate the types again", t)
	}
	f.kind = k
	return nil
}
