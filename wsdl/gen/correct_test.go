package main

import (
	"strings"
	"testing"

	"ackbox/wsdl"
)

func leadSource() *source {
	return &source{
		Definition: &wsdl.Definition{File: "lead.wsdl", Object: "Lead", Fields: []wsdl.Field{
			{Name: "Id", Type: "ID", Line: 1}, {Name: "Company", Type: "string", Line: 2},
		}},
		pkg: "lead", record: "Lead", names: []string{"Id", "Company"},
	}
}

func TestRunGowsdlReturnsItsError(t *testing.T) {
	t.Parallel()
	s := leadSource()
	s.record = "<"
	_, err := runGowsdl(t.Context(), s, t.TempDir())
	if want := "exit status 1: XML syntax error on line"; err == nil ||
		!strings.Contains(err.Error(), want) {
		t.Errorf("got the error %v, want in it %q", err, want)
	}
}

func TestCorrectRejectsCodeThatDiffersFromTheWSDL(t *testing.T) {
	t.Parallel()
	s := leadSource()
	good, err := runGowsdl(t.Context(), s, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := correct(good, s); err != nil {
		t.Fatal(err)
	}
	cases := []struct{ name, old, new, want string }{
		{"broken code", "type Lead struct", "type Lead struc", "expected"},
		{"no record", "type Lead struct", "type Other struct", "there is no type Lead"},
		{"id of another kind", "type ID string", "type ID struct{}", "type ID is of an unexpected kind"},
		{"unknown field", "\tCompany ", "\tCountry ", "type Lead: field Country is not in the WSDL"},
		{"one field too many", "\tCompany ", "\tCompany *string\n\tCompany ",
			"type Lead: there are 3 fields, but 2 in the WSDL"},
		{"field without a tag", "type SObject struct {", "type SObject struct { X int\n",
			"type SObject: field X has no tag"},
	}
	for _, c := range cases {
		code := strings.Replace(string(good), c.old, c.new, 1)
		_, err := correct([]byte(code), s)
		if code == string(good) || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got the error %v, want in it %q", c.name, err, c.want)
		}
	}
}
