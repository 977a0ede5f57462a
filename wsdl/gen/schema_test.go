package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ackbox/internal/text"
	"ackbox/wsdl/wsdltest"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemaIn returns the compiled JSON Schema of a package in outDir.
func schemaIn(tb testing.TB, outDir, pkg string) *jsonschema.Schema {
	tb.Helper()
	return compileSchema(tb, readFile(tb, filepath.Join(outDir, pkg, pkg+".schema.json")))
}

// compileSchema compiles a schema, which must be valid by its meta-schema.
func compileSchema(tb testing.TB, written string) *jsonschema.Schema {
	tb.Helper()
	c := jsonschema.NewCompiler()
	if err := c.AddResource("object.schema.json", value(tb, []byte(written))); err != nil {
		tb.Fatal(err)
	}
	compiled, err := c.Compile("object.schema.json")
	if err != nil {
		tb.Fatalf("%v in\n%s", err, written)
	}
	return compiled
}

// value returns the value of a JSON text as the validator reads it.
func value(tb testing.TB, jsonText []byte) any {
	tb.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(jsonText))
	if err != nil {
		tb.Fatalf("%v in\n%s", err, jsonText)
	}
	return v
}

// assertValid checks that the schema accepts the fields of each notification as they are stored.
func assertValid(t *testing.T, name string, s *jsonschema.Schema, got []notification) {
	t.Helper()
	for i, n := range got {
		if n.Stored == nil {
			continue
		}
		if err := s.Validate(value(t, n.Stored)); err != nil {
			t.Errorf("%s: record %d: %v in\n%s", name, i, err, n.Stored)
		}
	}
}

// assertSchema checks that a schema is valid and printable and has the fields of s and no others.
func assertSchema(t *testing.T, s *source, written []byte) {
	t.Helper()
	compiled := compileSchema(t, string(written))
	want := []string{"fieldsToNull"}
	for _, f := range s.Fields {
		want = append(want, f.Name)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(compiled.Properties))); diff != "" {
		t.Errorf("properties (-want +got):\n%s", diff)
	}
	if compiled.Title != s.Object {
		t.Errorf("got the title %q, want %q", compiled.Title, s.Object)
	}
	for line := range strings.Lines(string(written)) {
		if line = strings.TrimSuffix(line, "\n"); text.Printable(line) != line {
			t.Errorf("got the line %q, want a printable one", line)
		}
	}
	first, _, _ := strings.Cut(string(written), "\n")
	if want := schemaStart + "from " + s.File + "; DO NOT EDIT.\","; first != want {
		t.Errorf("got the first line %q, want %q", first, want)
	}
}

func TestSchemasRefuseWhatIsNeverStored(t *testing.T) {
	t.Parallel()
	outDir, _ := mustGenerate(t, writeWSDLs(t, map[string]string{"sample.wsdl": decodeWSDLs["sample.wsdl"]}))
	s := schemaIn(t, outDir, "sample")
	anyKind := []string{`{"a":1}`, `{"a":true}`, `[]`, `["a"]`, `["a",{"b":[1,2]}]`}
	refused := map[string][]string{
		"Id": {"1", "true", "[1,2]"}, "Name": {"1", "true", "[1,2]"}, "H__c": {"1"}, "I__c": {"1"},
		"A__c": {"1", "0", "[true,1]"}, "B__c": {"true", "1.5", "2147483648", "-2147483649", "[1,1.5]"},
		"C__c": {"true", "[1,false]"}, "D__c": {"20261122", "true"}, "E__c": {"1795309323", "true"}, "F__c": {"1", "true"},
		"G__c": {"1", "[1,2]"}, "fieldsToNull": {"1"},
	}
	for field, values := range refused {
		for _, v := range append(values, anyKind...) {
			if err := s.Validate(value(t, []byte(`{"`+field+`":`+v+`}`))); err == nil {
				t.Errorf("the schema accepts the field %s with %s", field, v)
			}
		}
	}
	for _, fields := range []string{`"text"`, `1`, `[{}]`} {
		if s.Validate(value(t, []byte(fields))) == nil {
			t.Errorf("the schema accepts %s", fields)
		}
	}
}

// TestSchemasHaveTheFieldsOfAllWSDLsOfTheirObject has two WSDLs of an object: the decoder joins
// their fields, so that a number may be in the records of either.
func TestSchemasHaveTheFieldsOfAllWSDLsOfTheirObject(t *testing.T) {
	t.Parallel()
	outDir, _ := mustGenerate(t, writeWSDLs(t, map[string]string{
		"one.wsdl": wsdltest.WSDL("Lead", "A xsd:string"), "two.wsdl": wsdltest.WSDL("Lead", "B xsd:double"),
		"case.wsdl": wsdltest.WSDL("Case", "C xsd:int"),
	}))
	want := map[string]string{"A": "string", "B": "double", "Id": "string", "fieldsToNull": "string"}
	for _, pkg := range []string{"one", "two"} {
		var written struct {
			Comment    string `json:"$comment"`
			Properties map[string]struct {
				Ref string `json:"$ref"`
			}
		}
		err := json.Unmarshal([]byte(readFile(t, filepath.Join(outDir, pkg, pkg+".schema.json"))), &written)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for name, p := range written.Properties {
			got[name] = strings.TrimPrefix(p.Ref, "#/$defs/")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("properties of %s (-want +got):\n%s", pkg, diff)
		}
		if !strings.Contains(written.Comment, " from one.wsdl, two.wsdl; ") {
			t.Errorf("got the comment %q, want both files in it", written.Comment)
		}
	}
}
