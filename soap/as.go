package soap

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
)

// ErrNoRecord is a notification that carries no record: Salesforce sends that when the record was deleted before the
// notification could be delivered.
var ErrNoRecord = errors.New("the notification carries no record")

// As returns a record, given by its object type and its fields, as the type that go generate made for it:
// soap.As[lead.Lead](entry.ObjectType, entry.Fields), of an entry that was decoded or of a notification that was stored.
// Fields that are absent or null are nil pointers. The error is [ErrNoRecord] when there is no record. A record of
// another object type, or a value that does not fit its field, is an error that names it; no part of the record is
// returned then.
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
		return fmt.Errorf("read the fields' JSON: %w", err)
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

// set gives a field, a pointer or a slice of pointers, its JSON value.
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
	target.Set(reflect.MakeSlice(target.Type(), len(values), len(values)))
	for i, v := range values {
		if err := f.setOne(target.Index(i), v); err != nil {
			return err
		}
	}
	return nil
}

func (f *field) setOne(pointer reflect.Value, value json.RawMessage) error {
	if string(value) == "null" {
		return nil
	}
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

// literalText is the text of a JSON string, number or boolean.
func literalText(value json.RawMessage) (string, error) {
	switch value[0] {
	case '"':
		return unquoted(value), nil
	case '{':
		return "", errors.New("the value has elements inside, where the WSDL says text")
	case '[':
		return "", errors.New("the field came several times, where the WSDL says once")
	}
	return string(value), nil
}

// parse sets v, a pointer, to the value of text.
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
