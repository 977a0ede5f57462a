package main

import (
	"encoding/xml"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"ackbox/internal/text"
)

// gowsdlTypes maps the types of plain WSDLs to those that gowsdl writes.
var gowsdlTypes = map[string]string{
	"string": "string", "boolean": "bool", "int": "int32", "double": "float64", "date": "soap.XSDDate",
	"datetime": "soap.XSDDateTime", "time": "soap.XSDTime", "base64binary": "[]byte",
}

// plainElement is an element or a type in a plain WSDL.
type plainElement struct {
	Name     string `xml:"name,attr"`
	Type     string `xml:"type,attr"`
	Nillable bool   `xml:"nillable,attr"`
	Max      string `xml:"maxOccurs,attr"`

	Inline    []plainElement `xml:"complexType>sequence>element"`
	Own       []plainElement `xml:"sequence>element"`
	Extension struct {
		Base     string         `xml:"base,attr"`
		Elements []plainElement `xml:"sequence>element"`
	} `xml:"complexContent>extension"`
}

// imitateGowsdl returns the types of the Go code that gowsdl writes for a plain WSDL: to run gowsdl
// for each input of a fuzz test would take too long.
func imitateGowsdl(tb testing.TB, plain []byte) []byte {
	tb.Helper()
	var parsed struct {
		Schemas []struct {
			Namespace string         `xml:"targetNamespace,attr"`
			Elements  []plainElement `xml:"element"`
			Types     []plainElement `xml:"complexType"`
		} `xml:"types>schema"`
	}
	if err := xml.Unmarshal(plain, &parsed); err != nil {
		tb.Fatal(err)
	}
	var code strings.Builder
	fmt.Fprintln(&code, "package made\n\ntype ID string")
	for _, schema := range parsed.Schemas {
		for _, e := range append(schema.Elements, schema.Types...) {
			fmt.Fprintf(&code, "type %s struct {\n", public(e.Name))
			if len(e.Inline) > 0 || public(e.Name) != e.Name {
				fmt.Fprintf(&code, "XMLName xml.Name `xml:\"%s %s\"`\n", schema.Namespace, e.Name)
			}
			if e.Extension.Base != "" {
				fmt.Fprintln(&code, "*", public(local(e.Extension.Base)))
			}
			for _, field := range append(append(e.Inline, e.Own...), e.Extension.Elements...) {
				fmt.Fprintf(&code, "%s %s `xml:\"%s,omitempty\" json:\"%[3]s,omitempty\"`\n",
					public(field.Name), gowsdlType(field), field.Name)
			}
			fmt.Fprintln(&code, "}")
		}
	}
	return []byte(code.String())
}

func public(name string) string { return strings.ToUpper(name[:1]) + name[1:] }

func local(qName string) string { return qName[strings.Index(qName, ":")+1:] }

func gowsdlType(e plainElement) string {
	kind := gowsdlTypes[strings.ToLower(local(e.Type))]
	if kind == "" {
		kind = "*" + public(local(e.Type))
	} else if e.Nillable {
		kind = "*" + kind
	}
	if e.Max == "unbounded" {
		kind = "[]" + kind
	}
	return kind
}

func TestTheImitationOfGowsdlIsTrue(t *testing.T) {
	t.Parallel()
	tmp := t.TempDir()
	for name, content := range decodeWSDLs {
		s, err := newSource(name, []byte(content))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := prepare(s)
		if err != nil {
			t.Fatal(err)
		}
		written, err := runGowsdl(t.Context(), s, tmp)
		if err != nil {
			t.Fatal(err)
		}
		want, err := makePackage(s, written, "v0")
		if err != nil {
			t.Fatal(err)
		}
		got, err := makePackage(s, imitateGowsdl(t, plain), "v0")
		if err != nil || string(got) != string(want) {
			t.Errorf("%s: got the error %v and\n%s\nwant\n%s", name, err, got, want)
		}
		assertPlain(t, s, plain)
		assertShape(t, s, got)
	}
}

// FuzzGenerate checks that whatever WSDL the generator accepts becomes a package of the expected
// shape, without directives and functions of its own.
func FuzzGenerate(f *testing.F) {
	for name, content := range decodeWSDLs {
		f.Add(name, content, "OBJECT", "FIELD", "xsd:TYPE")
	}
	for _, kind := range []string{
		"xsd:string", "ent:ID", "xsd:long", "tns:größe", "ens:a\ufeffb", "string", "x:y", "xsd:a*/",
		"xsd:string\n//go:generate id\n}\nfunc init() {}", "xsd:string&#13;func init() {}",
		`xsd:string"/><element name="More" type="xsd:int`, "xsd:a\u2028b", "&\u009b31m;",
	} {
		f.Add("lead.wsdl", hostile, "Lead", "Company__c", kind)
	}
	f.Add("lead.xml", hostile, "init", "type", "xsd:date")
	f.Add("aux.b.WSDL", hostile, "Lead\nfunc init() {}", "A", "xsd:date")
	f.Add("größe [1] (2).wsdl", hostile, "ID", "A` x", "xsd:date")
	f.Add("lead.wsdl", strings.Replace(hostile, `name="Id" type="ent:ID"`, `name="Id" type="ent:IB"`, 1), "Lead",
		"A", "xsd:int")
	f.Add("lead\n//go:generate id\n.wsdl", hostile, "AnyType", "NCName", "xsd:time")
	f.Fuzz(func(t *testing.T, file, content, object, field, kind string) {
		content = strings.NewReplacer("OBJECT", object, "FIELD", field, "xsd:TYPE", kind).Replace(content)
		var log strings.Builder
		folder := fstest.MapFS{file: &fstest.MapFile{Data: []byte(content)}}
		sources, err := readSources(folder, &log)
		for _, s := range sources {
			if err == nil {
				report(&log, s)
			}
		}
		printed := fmt.Sprint(log.String(), err)
		if text.Printable(strings.ReplaceAll(printed, "\n", "")) != strings.ReplaceAll(printed, "\n", "") {
			t.Errorf("a terminal would not print as it is: %q", printed)
		}
		if err == nil && len(sources) == 1 {
			fuzzSource(t, sources)
		}
	})
}

// fuzzSource makes the package, the list and the JSON Schema of a WSDL that was accepted.
func fuzzSource(t *testing.T, sources []*source) {
	t.Helper()
	s := sources[0]
	plain, err := prepare(s)
	if err != nil {
		t.Fatal(err)
	}
	assertPlain(t, s, plain)
	code, err := makePackage(s, imitateGowsdl(t, plain), "v0")
	if err != nil {
		t.Fatal(err)
	}
	assertShape(t, s, code)
	list, err := renderList(sources)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`import "ackbox/soap"`, `import "ackbox/soap/sobject/` + s.pkg + `"`, "func Records"}
	if got := declarations(parseGo(t, list)); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("list: got %q, want %q", got, want)
	}
	written, err := renderSchema(s, sources)
	if err != nil {
		t.Fatal(err)
	}
	assertSchema(t, s, written)
}
