// Package wsdl embeds the outbound-message WSDLs as they were downloaded from Setup, and parses
// what ackbox needs of them: the object whose records a message carries, its fields and their
// types. It is not a general WSDL parser: a file that is not the WSDL of an outbound message is an
// [*Error] that says what it is.
//
// To add an object, put its WSDL into this folder, under any name that has an extension, and run
// go generate ./... at the root of the module. [Find] has the rules.
package wsdl

import (
	"fmt"
	"io/fs"
	"slices"

	"ackbox/internal/text"
)

//go:generate go run -tags noembed ./gen

// Definition describes the record of one outbound-message WSDL.
type Definition struct {
	// File is the base name of the file, such as "lead.wsdl". [Find] returns only names of letters,
	// digits, spaces and punctuation.
	File string
	// Object is the API name of the record's type, such as "Lead" or "acme__Sample__c".
	Object string
	// Fields are Id and then the chosen fields, in the order of the file. fieldsToNull is not among
	// them.
	Fields []Field
}

// Field is one field of a record.
type Field struct {
	// Name is the API name.
	Name string
	// Type is the local name of the xsd type: string, boolean, int, double, date, dateTime, time or
	// base64Binary; "ID" for ent:ID. Any other type is the QName in the file, prefix included, which
	// may contain any character that XML allows in a name: the generator warns of it and treats it as
	// string.
	Type string
	// Line is the line of its declaration in the file, counted from 1.
	Line int
}

// Kind returns Type if it is a known one, and "string" otherwise.
func (f Field) Kind() string {
	if slices.Contains(knownTypes, f.Type) || f.Type == "ID" {
		return f.Type
	}
	return "string"
}

// Error describes why a file is not the WSDL of an outbound message, and what to do about it.
type Error struct {
	// File is the base name of the file, which may contain any character.
	File string
	// Line is the line in the file, counted from 1; 0 if the problem is the file as a whole.
	Line int
	// Problem is a sentence without the full stop. It may quote the file.
	Problem string
}

// Error returns file, line and problem in the form of a compiler's message: "lead.wsdl:37: …". It
// is one line, in which U+FFFD replaces each character that a terminal could interpret.
func (e *Error) Error() string {
	position := e.File
	if e.Line > 0 {
		position = fmt.Sprintf("%s:%d", e.File, e.Line)
	}
	return text.Printable(position + ": " + e.Problem)
}

// Embedded returns the definitions of the WSDLs that were in this folder when the program was
// built, sorted by file name. If a WSDL is invalid, it returns the [*Error] of the first such.
func Embedded() ([]*Definition, error) {
	names, _, err := Find(files)
	if err != nil {
		return nil, err
	}
	var definitions []*Definition
	for _, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("read WSDL: %w", err)
		}
		definition, err := Parse(name, data)
		if err != nil {
			return nil, err
		}
		definitions = append(definitions, definition)
	}
	return definitions, nil
}
