// Package wsdl holds the outbound-message WSDLs as they were downloaded from Setup, and reads of them what ackbox needs
// to know: which object a message carries and which fields with which types. It is no general WSDL reader: whatever is
// not an outbound message's WSDL is an error that says so.
//
// To add an object, put its .wsdl file here and run go generate ./... at the top of the module.
package wsdl

import (
	"embed"
	"fmt"
	"slices"
	"strings"
)

//go:generate go run ./gen

// files holds wsdl.go too: without any WSDL the pattern must still match something, or nothing that imports this
// package compiles, the generator included.
//
//go:embed *wsdl*
var files embed.FS

// Definition is what one outbound-message WSDL says of its record.
type Definition struct {
	// File is the base name of the file, such as "lead.wsdl".
	File string
	// Object is the API name of the record's type, such as "Lead" or "acme__Sample__c".
	Object string
	// Fields are Id and the chosen fields, in the order of the file, Id first. fieldsToNull is not among them.
	Fields []Field
}

// Field is one field of a record.
type Field struct {
	// Name is the API name.
	Name string
	// Type is the local name of the xsd type: string, boolean, int, double, date, dateTime, time or base64Binary; "ID" for
	// ent:ID. A type that is none of these is given as it stands in the file: the generator warns and takes it for string.
	Type string
	// Line is where the file declares it.
	Line int
}

// Kind is Type where it is one of those that are known, and otherwise "string".
func (f Field) Kind() string {
	if slices.Contains(knownTypes, f.Type) || f.Type == "ID" {
		return f.Type
	}
	return "string"
}

// Error says why a file is not the WSDL of an outbound message, and what to do about it.
type Error struct {
	// File is the base name of the file.
	File string
	// Line is where in the file, counted from 1; 0 when the problem is the file as a whole.
	Line int
	// Problem is a sentence without its full stop.
	Problem string
}

// Error gives file, line and problem in the form of a compiler: "lead.wsdl:37: …".
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Problem
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Problem)
}

// Embedded gives the definitions of the WSDLs that were in this folder when the program was built, sorted by file name.
// Its error is the [*Error] of the first that is broken.
func Embedded() ([]*Definition, error) {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("list WSDLs: %w", err)
	}
	var definitions []*Definition
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".wsdl") {
			continue
		}
		data, err := files.ReadFile(entry.Name())
		if err != nil {
			return nil, fmt.Errorf("read WSDL: %w", err)
		}
		definition, err := Parse(entry.Name(), data)
		if err != nil {
			return nil, err
		}
		definitions = append(definitions, definition)
	}
	return definitions, nil
}
