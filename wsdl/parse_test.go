package wsdl_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ackbox/internal/text"
	"ackbox/wsdl"
	"ackbox/wsdl/wsdltest"

	"github.com/google/go-cmp/cmp"
)

var sampleFields = []string{
	"Name xsd:string", "Active__c xsd:boolean", "Count__c xsd:int", "Amount__c xsd:double",
	"Due__c xsd:date", "Seen__c xsd:dateTime", "Opens__c xsd:time", "Photo__c xsd:base64Binary",
	"Parent__c ent:ID",
}

func sampleDefinition() *wsdl.Definition {
	kinds := []string{
		"string", "boolean", "int", "double", "date", "dateTime", "time", "base64Binary", "ID",
	}
	definition := &wsdl.Definition{
		File: "sample.wsdl", Object: "Sample__c",
		Fields: []wsdl.Field{{Name: "Id", Type: "ID", Line: 23}},
	}
	for i, field := range sampleFields {
		name, _, _ := strings.Cut(field, " ")
		definition.Fields = append(definition.Fields,
			wsdl.Field{Name: name, Type: kinds[i], Line: wsdltest.FirstFieldLine + i})
	}
	return definition
}

func TestParseReadsObjectAndFieldsInTheOrderOfTheFile(t *testing.T) {
	t.Parallel()
	text := wsdltest.WSDL("Sample__c", sampleFields...)
	forms := map[string]string{
		"as downloaded": text,
		"CRLF":          strings.ReplaceAll(text, "\n", "\r\n"),
		"byte-order mark, no XML declaration": "\ufeff" + strings.TrimPrefix(text,
			`<?xml version="1.0" encoding="UTF-8"?>`),
		"other prefixes": strings.NewReplacer(`"xsd:`, `"s:`, "xmlns:xsd", "xmlns:s", `"ens:`, `"o:`,
			"xmlns:ens", "xmlns:o").Replace(text),
		"prefixed schema language": strings.NewReplacer(" xmlns=\"http://www.w3.org/2001/XMLSchema\"", "",
			"<schema", "<xsd:schema", "</schema", "</xsd:schema", "<element", "<xsd:element",
			"</element", "</xsd:element", "complexType", "xsd:complexType", "<xsd:/", "</xsd:",
			"<complexContent", "<xsd:complexContent", "</complexContent", "</xsd:complexContent",
			"<extension", "<xsd:extension", "</extension", "</xsd:extension", "sequence>", "xsd:sequence>",
			"</xsd:sequence>", "</xsd:sequence>").Replace(text),
	}
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := wsdl.Parse("folder/sample.wsdl", []byte(form))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(sampleDefinition(), got); diff != "" {
				t.Errorf("definition (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseReadsAnObjectWithOnlyItsId(t *testing.T) {
	t.Parallel()
	got, err := wsdl.Parse("account.wsdl", []byte(wsdltest.WSDL("Account")))
	want := &wsdl.Definition{
		File: "account.wsdl", Object: "Account", Fields: []wsdl.Field{{Name: "Id", Type: "ID", Line: 23}},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("error %v, definition (-want +got):\n%s", err, diff)
	}
}

func TestParseKeepsAnUnknownTypeAndItsKindIsString(t *testing.T) {
	t.Parallel()
	text := wsdltest.WSDL("Lead", "A xsd:long", "B ens:Address", "C xsd:int")
	got, err := wsdl.Parse("lead.wsdl", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, f := range got.Fields {
		kinds = append(kinds, f.Type+" is "+f.Kind())
	}
	want := []string{"ID is ID", "xsd:long is string", "ens:Address is string", "int is int"}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
}

func TestParseReportsProblemAndLine(t *testing.T) {
	t.Parallel()
	lead := wsdltest.WSDL("Lead", "Company xsd:string", "City xsd:string")
	edit := func(pairs ...string) string {
		edited := strings.NewReplacer(pairs...).Replace(lead)
		if edited == lead {
			t.Fatalf("the edit %q changes nothing", pairs)
		}
		return edited
	}
	target := `targetNamespace="http://soap.sforce.com/2005/09/outbound"` + "\n"
	field := `<element name="City" nillable="true" minOccurs="0" type="xsd:string"/>`
	cases := []struct{ name, text, want string }{
		{"empty", "", "f.wsdl: the file is empty"},
		{"white space", " \r\n\t", "f.wsdl: the file is empty"},
		{"web page", "\n<!DOCTYPE html><html><body><br></body></html>", "f.wsdl: this is a web page"},
		{"other text", "Not found", "f.wsdl: the file has no XML element"},
		{"other XML", "<a/>", "f.wsdl:1: this is not a WSDL: its root element is <a>"},
		{"cut off", lead[:strings.Index(lead, "AggregateResult")],
			"f.wsdl:26: not well-formed XML: unexpected EOF"},
		{"two documents", lead + "<more/>", "f.wsdl:100: there is a second root element <more>"},
		{"other encoding", edit(`encoding="UTF-8"`, `encoding="ISO-8859-1"`),
			`f.wsdl:1: not XML in UTF-8: opening charset "ISO-8859-1": save it as UTF-8`},
		{"enterprise WSDL", edit(target, "targetNamespace=\"urn:enterprise.soap.sforce.com\"\n"),
			`f.wsdl:3: this is an enterprise WSDL; download the outbound message's WSDL with "Click for WSDL"`},
		{"partner WSDL", edit(target, "targetNamespace=\"urn:partner.soap.sforce.com\"\n"),
			"this is a partner WSDL"},
		{"other WSDL", edit(target, "targetNamespace=\"urn:weather\"\n"),
			`this is not the WSDL of an outbound message: its target namespace is "urn:weather"`},
		{"no notifications", edit(`<element name="notifications">`, `<element name="notices">`),
			"f.wsdl:3: no schema of http://soap.sforce.com/2005/09/outbound declares the element notifications"},
		{"no Notification", edit(`name="Notification" max`, `name="Notice" max`),
			"f.wsdl:51: there is no element Notification in this sequence"},

		{"notifications of a type", edit(`<element name="notifications">`,
			`<element name="notifications"/><element name="x">`),
			"f.wsdl:49: there is no element Notification in notifications"},
		{"no notification type", edit(`type="tns:LeadNotification"`, `type="tns:Lead"`),
			`f.wsdl:57: the type "tns:Lead" of the element Notification is not declared`},
		{"no sObject", edit(`name="sObject" type`, `name="object" type`),
			"f.wsdl:62: there is no element sObject"},
		{"no record type", edit(`<complexType name="Lead">`, `<complexType name="Account">`),
			`f.wsdl:64: the type "ens:Lead" of the element sObject is not declared`},

		{"two record types", edit(`<complexType name="sObject">`,
			`<complexType name="Case"/><complexType name="sObject">`),
			`f.wsdl:20: there is a record type "Case" besides "Lead"`},

		{"one type twice", edit(`<complexType name="sObject">`,
			`<complexType name="Lead"/><complexType name="sObject">`),
			`f.wsdl:34: the type "Lead" is declared twice, first on line 20`},
		{"record of no record type", edit(`type="ens:Lead"`, `type="ens:sObject"`),
			`there is a record type "Lead"`},
		{"record elsewhere", edit(`type="ens:Lead"`, `type="tns:LeadNotification"`),
			`there is a record type "Lead"`},

		{"object's name", edit(`name="Lead"`, `name="L d"`, `"ens:Lead"`, `"ens:L d"`),
			`"L d" is not the API name of an object`},
		{"no base", edit("complexContent>", "simpleContent>"),
			`f.wsdl:34: the type "Lead" does not extend sObject`},
		{"other base", edit(`<extension base="ens:sObject">`+"\n                        <sequence>\n",
			`<extension base="ent:ID"><sequence>`+"\n"), `f.wsdl:36: "ent:ID" is not the base type sObject`},
		{"no Id", edit(`<element name="Id" type="ent:ID" nillable="true" />`, ""),
			"f.wsdl:20: the base type sObject has no Id"},
		{"type of Id", edit(`name="Id" type="ent:ID"`, `name="Id" type="xsd:int"`),
			`f.wsdl:23: the field Id has the type "int" instead of ID of urn:enterprise`},
		{"field twice", edit(`name="City"`, `name="Company"`),
			"f.wsdl:39: the field Company is declared twice, first on line 38"},
		{"second Id", edit(`name="City"`, `name="Id"`),
			"f.wsdl:39: the field Id is declared twice, first on line 23"},
		{"field's name", edit(`name="City"`, `name="Stadt ü"`),
			`f.wsdl:39: "Stadt ü" is not the API name of a field`},
		{"field without type", edit(field, `<element name="City"/>`),
			`f.wsdl:39: the element "City" has no attribute type`},
		{"unknown prefix", edit(field, `<element name="City" type="x:string"/>`),
			`f.wsdl:39: the prefix of "x:string" is not declared`},
		{"choice of fields", edit(field, `<choice>`+field+`</choice>`),
			"f.wsdl:39: there is a <choice> among the fields"},
		{"attribute of a record", edit(field+"\n                        </sequence>",
			"</sequence><attribute/>"),
			"f.wsdl:39: there is a <attribute> among the fields"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := wsdl.Parse("some/f.wsdl", []byte(c.text))
			broken, ok := errors.AsType[*wsdl.Error](err)
			if !ok || got != nil {
				t.Fatalf("got %v and the error %v, want a *wsdl.Error alone", got, err)
			}
			if broken.File != "f.wsdl" || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got the error\n%s\nwant in it\n%s", err, c.want)
			}
		})
	}
}

func TestParseRejectsWhatIsNoName(t *testing.T) {
	t.Parallel()
	text := wsdltest.WSDL("OBJECT", "FIELD xsd:TYPE")
	code := "string&#10;//go:generate id&#10;func init() {}"
	cases := []struct{ name, old, new, want string }{
		{"line breaks in a type", "xsd:TYPE", "xsd:" + code,
			`f.wsdl:38: "xsd:string\n//go:generate id\nfunc init() {}" is not the name of a type`},
		{"raw line breaks in a type", "TYPE", "string\r\nx", `f.wsdl:38: "xsd:string\nx" is not the name`},
		{"control sequence in a type", "TYPE", "\u009b31m", `f.wsdl:38: "xsd:\u009b31m" is not the name`},
		{"two prefixes", "TYPE", "a:b", `f.wsdl:38: "xsd:a:b" is not the name of a type`},
		{"no local name", "TYPE", "", `f.wsdl:38: "xsd:" is not the name of a type`},
		{"no prefix before a colon", "xsd:TYPE", ":TYPE", `f.wsdl:38: ":TYPE" is not the name of a type`},
		{"digit", "TYPE", "1", `f.wsdl:38: "xsd:1" is not the name of a type`},
		{"end of a comment", "TYPE", "a*/", `f.wsdl:38: "xsd:a*/" is not the name of a type`},
		{"field", "FIELD", "A&#10;B", `f.wsdl:38: "A\nB" is not the API name of a field`},
		{"backquote", "FIELD", "A`+`B", "f.wsdl:38: \"A`+`B\" is not the API name of a field"},
		{"object", "OBJECT", "Lead&#10;func init() {}",
			`f.wsdl:34: "Lead\nfunc init() {}" is not the API name of an object`},
		{"base", `base="ens:sObject">` + "\n                        <sequence>\n                        <el",
			"base=\"ens:sObject&#9;x\">\n<sequence><el", `f.wsdl:36: "ens:sObject\tx" is not the name of a type`},
		{"element", `<element name="notificationsResponse"`, `<element name="a b"`,
			`f.wsdl:66: "a b" is not a name in XML`},
		{"type", `<complexType name="OBJECTNotification"`, `<complexType name="a&#10;b"`,
			`f.wsdl:60: "a\nb" is not a name in XML`},
		{"target namespace", `"http://soap.sforce.com/2005/09/outbound"` + "\n", "\"urn:&#10;\u009b\"\n",
			`f.wsdl:3: this is not the WSDL of an outbound message: its target namespace is "urn:\n\u009b"`},
		{"entity", "FIELD", "&\u009b31m;", "f.wsdl:38: not well-formed XML: invalid character entity &\ufffd31m;"},
		{"element's name", "<types>", "<\u202etypes>", "f.wsdl:10: not well-formed XML: invalid XML name: \ufffdtypes"},
		{"encoding", `"UTF-8"`, "\"\u009b\"", `f.wsdl:1: not XML in UTF-8: opening charset "\u009b"`},
	}
	for _, c := range cases {
		edited := strings.ReplaceAll(text, c.old, c.new)
		got, err := wsdl.Parse("f.wsdl", []byte(edited))
		if _, ok := errors.AsType[*wsdl.Error](err); !ok || got != nil ||
			!strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: got %v and the error\n%v\nwant one that begins with\n%s", c.name, got, err, c.want)
		}
	}
}

func TestAnErrorIsOneLineThatATerminalPrintsAsItIs(t *testing.T) {
	t.Parallel()
	err := &wsdl.Error{File: "a\n\x1b[2J.wsdl", Line: 7, Problem: "größer: \u009b31m\r\u202e\xff"}
	want := "a\ufffd\ufffd[2J.wsdl:7: größer: \ufffd31m\ufffd\ufffd\ufffd"
	if err.Error() != want {
		t.Errorf("got %q, want %q", err.Error(), want)
	}
}

func TestParseTakesEveryQNameForAType(t *testing.T) {
	t.Parallel()
	text := wsdltest.WSDL("Lead", "A xsd:TYPE")
	for _, local := range []string{"größe", "日本", "a-b.c_1", "x\u00b7y", "_", "a\ufeffb", "𐀀"} {
		got, err := wsdl.Parse("f.wsdl", []byte(strings.Replace(text, "TYPE", local, 1)))
		if err != nil || got.Fields[1].Type != "xsd:"+local || got.Fields[1].Kind() != "string" {
			t.Errorf("%q: got %v and the error %v", local, got, err)
		}
	}
}

func TestEmbeddedReturnsEveryWSDLOfTheFolderInOrder(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("*.wsdl")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(paths)
	var want []*wsdl.Definition
	for _, path := range paths {
		definition, err := wsdl.Parse(path, readFile(t, path))
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, definition)
	}
	got, err := wsdl.Embedded()
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("error %v, definitions (-want +got):\n%s", err, diff)
	}
}

func TestIsName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"Lead": true, "acme__Sample__c": true, "x": true, "A1_": true,
		"": false, "1Lead": false, "_Lead": false, "my object": false, "Owner.Name": false,
		"Last-Name": false,
		"Größe":     false, "Lead\n": false, "\nLead": false, "Lead\xff": false,
	} {
		if got := wsdl.IsName(name); got != want {
			t.Errorf("%q: got %t, want %t", name, got, want)
		}
	}
}

func TestParseReadsThePublishedWSDLs(t *testing.T) {
	t.Parallel()
	corpus := os.Getenv("ACKBOX_CORPUS")
	if corpus == "" {
		t.Skip("ACKBOX_CORPUS does not name the folder of published WSDLs and envelopes")
	}
	paths, err := filepath.Glob(filepath.Join(corpus, "wsdl", "*.wsdl"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d WSDLs in %s, error %v", len(paths), corpus, err)
	}
	for _, path := range paths {
		got, err := wsdl.Parse(path, readFile(t, path))
		if err != nil {
			t.Error(err)
			continue
		}
		if !strings.HasPrefix(got.File, got.Object+"_") {
			t.Errorf("%s is of the object %s", got.File, got.Object)
		}
	}
}

// qName matches what has no character by which a QName could leave a comment or a quotation.
var qName = regexp.MustCompile("^[^\\x00- !-,/;-@[-^`{-\u00b6\u00b8-\u00bf\u2000-\u200b\u2028-\u202f]+$")

func FuzzParse(f *testing.F) {
	f.Add([]byte(wsdltest.WSDL("Sample__c", sampleFields...)))
	f.Add([]byte(wsdltest.WSDL("Account")))
	f.Add(inUTF16(binary.LittleEndian, "\ufeff"+wsdltest.WSDL("Lead", "A xsd:größe")))
	f.Add([]byte(wsdltest.WSDL("Lead", "A xsd:a&#10;func init() {}")))
	f.Add([]byte("\ufeff<!DOCTYPE html>"))
	f.Add([]byte(`<definitions xmlns="http://schemas.xmlsoap.org/wsdl/"><types/></definitions>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := wsdl.Parse("f.wsdl", data)
		if err != nil {
			if broken, ok := errors.AsType[*wsdl.Error](err); !ok || broken.File != "f.wsdl" ||
				broken.Problem == "" || text.Printable(err.Error()) != err.Error() {
				t.Errorf("got the error %#v, want a *wsdl.Error that is printable", err)
			}
			return
		}
		found, leftOut, err := wsdl.Find(folder(map[string]string{"f.xml": string(data)}))
		if err != nil || len(found) != 1 {
			t.Errorf("Find returned %v, %v and the error %v, want f.xml", found, leftOut, err)
		}
		names := map[string]bool{}
		for _, field := range got.Fields {
			if !wsdl.IsName(field.Name) || !qName.MatchString(field.Type) || field.Line < 1 || names[field.Name] {
				t.Errorf("got the field %+v, want a new one with name, type and line", field)
			}
			names[field.Name] = true
		}
		if !wsdl.IsName(got.Object) || len(got.Fields) == 0 || got.Fields[0].Name != "Id" {
			t.Errorf("got %+v, want an object whose first field is Id", got)
		}
	})
}

func readFile(tb testing.TB, path string) []byte {
	tb.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}
