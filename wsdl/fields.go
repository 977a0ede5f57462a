package wsdl

import (
	"encoding/xml"
	"slices"
)

// knownTypes are the XML Schema types that Salesforce uses for fields.
var knownTypes = []string{
	"string", "boolean", "int", "double", "date", "dateTime", "time", "base64Binary",
}

const unexpected = "there is a <%s> among the fields, which the WSDL of an outbound message " +
	"never has; %s"

// fields returns Id, which the base type of all records declares, and the fields of the record
// itself.
func (s *schemas) fields(record *element) ([]Field, error) {
	extension := record.walk("complexContent", "extension")
	if extension == nil {
		return nil, problem(record.line, "the type %q does not extend sObject; %s", record.attr("name"),
			howToGet)
	}
	id, err := s.id(extension)
	if err != nil {
		return nil, err
	}
	lines := map[string]int{"Id": id.Line, "fieldsToNull": id.Line}
	fields := []Field{id}
	for _, child := range extension.children {
		more, err := fieldsOf(child, lines)
		if err != nil {
			return nil, err
		}
		fields = append(fields, more...)
	}
	return fields, nil
}

// id returns the field Id of the type that extension extends.
func (s *schemas) id(extension *element) (Field, error) {
	base, err := extension.reference("base")
	if err != nil {
		return Field{}, err
	}
	sObject := s.types[base]
	if sObject == nil || base != (xml.Name{Space: sObjectNS, Local: "sObject"}) {
		return Field{}, problem(extension.line, "%q is not the base type sObject of %s; %s",
			extension.attr("base"), sObjectNS, howToGet)
	}
	if sequence := sObject.walk("sequence"); sequence != nil {
		for _, e := range sequence.named(xsdNS, "element") {
			if e.attr("name") == "Id" {
				return idOf(e)
			}
		}
	}
	return Field{}, problem(sObject.line, "the base type sObject has no Id; %s", howToGet)
}

// idOf returns the field Id. Every record has it, and its type in Go is always ID.
func idOf(e *element) (Field, error) {
	id, err := fieldOf(e)
	if err == nil && id.Type != "ID" {
		err = problem(e.line, "the field Id has the type %q instead of ID of %s; %s", id.Type, enterpriseNS,
			howToGet)
	}
	return id, err
}

// fieldsOf returns the fields in one child of the record's extension. lines maps the fields that
// were declared before to their lines; fieldsOf adds its own.
func fieldsOf(child *element, lines map[string]int) ([]Field, error) {
	if child.name == (xml.Name{Space: xsdNS, Local: "annotation"}) {
		return nil, nil
	}
	if child.name != (xml.Name{Space: xsdNS, Local: "sequence"}) {
		return nil, problem(child.line, unexpected, child.name.Local, howToGet)
	}
	var fields []Field
	for _, e := range child.children {
		if e.name == (xml.Name{Space: xsdNS, Local: "annotation"}) {
			continue
		}
		field, err := fieldOf(e)
		if err != nil {
			return nil, err
		}
		if line, taken := lines[field.Name]; taken {
			return nil, problem(field.Line, "the field %s is declared twice, first on line %d; remove one",
				field.Name, line)
		}
		lines[field.Name] = field.Line
		fields = append(fields, field)
	}
	return fields, nil
}

func fieldOf(e *element) (Field, error) {
	field := Field{Name: e.attr("name"), Line: e.line}
	if e.name != (xml.Name{Space: xsdNS, Local: "element"}) {
		return field, problem(e.line, unexpected, e.name.Local, howToGet)
	}
	if !IsName(field.Name) {
		return field, problem(e.line, "%q is not the API name of a field; %s", field.Name, howToGet)
	}
	reference, err := e.reference("type")
	if err != nil {
		return field, err
	}
	switch {
	case reference == xml.Name{Space: enterpriseNS, Local: "ID"}:
		field.Type = "ID"
	case reference.Space == xsdNS && slices.Contains(knownTypes, reference.Local):
		field.Type = reference.Local
	default:
		field.Type = e.attr("type")
	}
	return field, nil
}
