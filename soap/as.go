package soap

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
)

// ErrNoRecord is returned by [As] for a notification without a record. Salesforce sends one if the
// record was deleted before the notification could be delivered.
var ErrNoRecord = errors.New("the notification has no record")

// As converts a record, given by its object type and its fields, to the type that go generate made
// for it: soap.As[lead.Lead](entry.ObjectType, entry.Fields). The record may be that of a decoded
// entry or of a stored notification. Absent and null fields are nil pointers, and the nulls of a
// repeated field are omitted. If there is no record, As returns [ErrNoRecord]. If the record is of
// another object type, or a value does not fit its field, As returns an error that names the type
// or the field, and no record.
func As[T any, P interface {
	*T
	Record
}](objectType *string, fields json.RawMessage) (*T, error) {
	record := new(T)
	object := P(record).ObjectType()
	if objectType == nil || fields == nil {
		return nil, ErrNoRecord
	}
	if *objectType != object {
		return nil, fmt.Errorf("the record is of type %q, not %q", *objectType, object)
	}
	if err := setFields(reflect.ValueOf(record).Elem(), fields); err != nil {
		return nil, fmt.Errorf("read %s: %w", object, err)
	}
	return record, nil
}

func setFields(record reflect.Value, object json.RawMessage) error {
	fields, err := fieldsOf(record.Type())
	if err != nil {
		return err
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal(object, &values); err != nil {
		return fmt.Errorf("read the JSON of the fields: %w", err)
	}
	for _, f := range fields {
		value := values[f.name]
		if len(value) == 0 || string(value) == "null" {
			continue
		}
		target, err := record.FieldByIndexErr(f.index)
		if err != nil {
			return fmt.Errorf("field %s: %w", f.name, err)
		}
		if err := f.set(target, value); err != nil {
			return fmt.Errorf("field %s: %w", f.name, err)
		}
	}
	return nil
}

// set sets target, a pointer or a slice of pointers, to the field's JSON value, which is not null.
func (f *field) set(target reflect.Value, value json.RawMessage) error {
	if !f.repeats {
		return f.setOne(target, value)
	}
	values := []json.RawMessage{value}
	if bytes.HasPrefix(value, []byte("[")) {
		values = nil
		if err := json.Unmarshal(value, &values); err != nil {
			return err
		}
	}
	items := reflect.Zero(target.Type())
	for _, v := range values {
		if string(v) == "null" {
			continue
		}
		item := reflect.New(target.Type().Elem()).Elem()
		if err := f.setOne(item, v); err != nil {
			return err
		}
		items = reflect.Append(items, item)
	}
	target.Set(items)
	return nil
}

func (f *field) setOne(pointer reflect.Value, value json.RawMessage) error {
	text, err := literalText(value)
	if err != nil {
		return err
	}
	v := reflect.New(pointer.Type().Elem())
	if err := f.kind.parse(v, text); err != nil {
		return err
	}
	pointer.Set(v)
	return nil
}

// literalText returns the text of a JSON string, number or boolean.
func literalText(value json.RawMessage) (string, error) {
	switch value[0] {
	case '"':
		return unquoted(value), nil
	case '{':
		return "", errors.New("the value contains elements; by the WSDL it is text")
	case '[':
		return "", errors.New("the field is repeated; by the WSDL it occurs once")
	}
	return string(value), nil
}

// parse parses text as a value of the kind into v, a pointer.
func (k kind) parse(v reflect.Value, text string) error {
	trimmed := []byte(text)
	if k != kindString {
		trimmed = bytes.Trim(trimmed, xmlSpace)
	}
	switch k {
	case kindString:
		v.Elem().SetString(text)
	case kindBoolean:
		literal := booleanLiteral(trimmed)
		if literal == nil {
			return &lexicalError{"xsd:boolean"}
		}
		v.Elem().SetBool(literal[0] == 't')
	case kindInt:
		if !isInt(trimmed) {
			return &lexicalError{"xsd:int"}
		}
		i, err := strconv.ParseInt(string(trimmed), 10, 32)
		v.Elem().SetInt(i)
		return err
	case kindDouble:
		if !isDouble(trimmed) {
			return &lexicalError{"xsd:double"}
		}
		f, err := strconv.ParseFloat(string(trimmed), 64)
		v.Elem().SetFloat(f)
		return err
	default:
		return v.Interface().(interface{ UnmarshalText([]byte) error }).UnmarshalText(trimmed)
	}
	return nil
}
