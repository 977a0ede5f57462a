package soap

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// Types is what the generated record types say of the objects' fields, compiled once: object type to field to kind.
// A nil *Types knows no object.
type Types struct{ plans map[string]*plan }

// plan is what the WSDLs say of one object's fields.
type plan struct {
	object string
	fields map[string]*field
	order  []*field // Id, then by code point: as Salesforce sends them
}

// field is one field of a record type.
type field struct {
	name    string
	kind    kind
	repeats bool  // a slice: the element may come several times
	index   []int // of the struct's field
	place   int   // in the plan's order
}

// NewTypes compiles the plans of records, which may have several types for one object: their fields are joined. A field
// with two kinds is an error naming object and field.
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
			return fmt.Errorf("two types for %s disagree on the kind of field %s: generate them again", object, f.name)
		}
		p.fields[f.name] = &f
	}
	p.sort()
	return nil
}

// sort puts the fields into the order in which they are sent.
func (p *plan) sort() {
	sentAs := func(f *field) string {
		if f.name == "Id" {
			return "" // before all others
		}
		return f.name
	}
	p.order = slices.SortedFunc(maps.Values(p.fields), func(a, b *field) int {
		return strings.Compare(sentAs(a), sentAs(b))
	})
	for i, f := range p.order {
		f.place = i
	}
}

// plan is what is known of an object type, nil for nothing.
func (t *Types) plan(object []byte) *plan {
	if t == nil {
		return nil
	}
	return t.plans[string(object)]
}

// maxSkipped is how many fields in a row are looked past, for they were null, before the map is asked.
const maxSkipped = 3

// field finds a record's child, which probably comes in order from a place on; what is not known is a string.
func (p *plan) field(space namespace, local []byte, place int) (f *field, known bool) {
	if p == nil || space != spaceSObject {
		return &unknownField, false
	}
	for i := place; i < len(p.order) && i <= place+maxSkipped; i++ {
		if f := p.order[i]; f.name == string(local) {
			return f, true
		}
	}
	if f, known = p.fields[string(local)]; !known {
		return &unknownField, false
	}
	return f, true
}

// unknownField is one that no WSDL names.
var unknownField = field{kind: kindString}

// repeatDrift counts the fields that came several times though no WSDL says so.
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

// fieldKinds are the Go types of the generated fields, ID and other named strings aside.
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

// fieldsOf reads the fields of a generated record type off its xml tags.
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

// setKind finds the kind of a Go type: a pointer to a value, or a slice of such pointers.
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
		return fmt.Errorf("no xsd type is known for %s: generate the types again", t)
	}
	f.kind = k
	return nil
}
