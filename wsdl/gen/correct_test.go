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

func TestAFailureOfGowsdlIsQuoted(t *testing.T) {
	t.Parallel()
	s := leadSource()
	s.record = "<"
	_, err := runGowsdl(t.Context(), s, t.TempDir())
	if want := "exit status 1: XML syntax error on line"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got the error %v, want in it %q", err, want)
	}
}

func TestCorrectRefusesCodeThatIsNotOfTheWSDL(t *testing.T) {
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
		{"no record", "type Lead struct", "type Other struct", "no type Lead in it"},
		{"id of another kind", "type ID string", "type ID struct{}", "type ID is not as expected"},
		{"unknown field", "\tCompany ", "\tCountry ", "type Lead: field Country is none of the WSDL"},
		{"one field too many", "\tCompany ", "\tCompany *string\n\tCompany ", "type Lead: 3 fields, not the 2 of the WSDL"},
		{"field without a tag", "type SObject struct {", "type SObject struct { X int\n", "type SObject: field X has no tag"},
	}
	for _, c := range cases {
		code := strings.Replace(string(good), c.old, c.new, 1)
		_, err := correct([]byte(code), s)
		if code == string(good) || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got the error %v, want in it %q", c.name, err, c.want)
		}
	}
}
