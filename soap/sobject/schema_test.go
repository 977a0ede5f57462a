package sobject_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ackbox/ledger"
	"ackbox/simulate"
	"ackbox/soap"
	"ackbox/soap/sobject"
	"ackbox/wsdl"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemas are the generated schemas by object.
type schemas map[string]*jsonschema.Schema

// readSchemas compiles all schemas in this folder. Formats and base64 are asserted if strict, which
// is what a consumer may do as long as Salesforce sends what its WSDLs say.
func readSchemas(tb testing.TB, strict bool) schemas {
	tb.Helper()
	paths, err := filepath.Glob("*/*.schema.json")
	if err != nil {
		tb.Fatal(err)
	}
	all := schemas{}
	for _, path := range paths {
		c := jsonschema.NewCompiler()
		if strict {
			c.AssertFormat()
			c.AssertContent()
		}
		s, err := c.Compile(path)
		if err != nil {
			tb.Fatal(err)
		}
		all[s.Title] = s
	}
	for _, r := range sobject.Records() {
		if all[r.ObjectType()] == nil {
			tb.Fatalf("there is no schema of %s, run go generate ./...", r.ObjectType())
		}
	}
	return all
}

func decoder(tb testing.TB) *soap.Types {
	tb.Helper()
	types, err := soap.NewTypes(sobject.Records()...)
	if err != nil {
		tb.Fatal(err)
	}
	return types
}

// assertAccepted validates the records of a message whose object has a schema, and returns how many
// it has.
func (all schemas) assertAccepted(tb testing.TB, name string, b *ledger.Batch) int {
	tb.Helper()
	records := 0
	for _, e := range b.Entries {
		if e.ObjectType == nil || e.Fields == nil || all[*e.ObjectType] == nil {
			continue
		}
		records++
		fields, err := jsonschema.UnmarshalJSON(bytes.NewReader(e.Fields))
		if err != nil {
			tb.Fatalf("%s: %v in\n%s", name, err, e.Fields)
		}
		if err := all[*e.ObjectType].Validate(fields); err != nil {
			tb.Errorf("%s: %v in\n%s", name, err, e.Fields)
		}
	}
	return records
}

func definitions(tb testing.TB) []*wsdl.Definition {
	tb.Helper()
	all, err := wsdl.Embedded()
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

// simulated returns a message of 100 records of that object.
func simulated(tb testing.TB, definition *wsdl.Definition) []byte {
	tb.Helper()
	g, err := simulate.NewGenerator(definition, simulate.GeneratorOptions{Seed: 1, Changes: 0.5})
	if err != nil {
		tb.Fatal(err)
	}
	return g.Message(soap.MaxNotifications).Append(nil)
}

func TestSchemasAcceptSimulatedRecords(t *testing.T) {
	t.Parallel()
	types, all := decoder(t), readSchemas(t, true)
	for _, definition := range definitions(t) {
		b, err := soap.Decode(simulated(t, definition), types)
		if err != nil {
			t.Fatal(err)
		}
		if got := all.assertAccepted(t, definition.File, b); got != soap.MaxNotifications {
			t.Errorf("%s: got %d records, want %d", definition.File, got, soap.MaxNotifications)
		}
	}
}

func TestSchemasAcceptRealRecords(t *testing.T) {
	t.Parallel()
	folder := os.Getenv("ACKBOX_CORPUS")
	if folder == "" {
		t.Skip("ACKBOX_CORPUS, the folder of real request bodies, is not set")
	}
	paths, err := filepath.Glob(filepath.Join(folder, "envelopes", "*.xml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no envelopes in ACKBOX_CORPUS=%s (%v)", folder, err)
	}
	types, all := decoder(t), readSchemas(t, true)
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := soap.Decode(body, types)
		if _, refused := errors.AsType[*soap.ParseError](err); refused {
			continue // some are broken on purpose
		}
		if err != nil {
			t.Fatal(err)
		}
		all.assertAccepted(t, filepath.Base(path), b)
	}
}

// oddElements are what the decoder accepts as the value of any field, with FIELD for its name.
var oddElements = []string{
	`<FIELD/>`, `<FIELD></FIELD>`, `<FIELD> </FIELD>`, `<FIELD xsi:nil="true"/>`, `<FIELD xsi:nil="true">x</FIELD>`,
	`<FIELD>x &lt;&amp;"\ &#7;</FIELD>`, `<FIELD>1</FIELD>`, `<FIELD>+1</FIELD>`, `<FIELD>007</FIELD>`,
	`<FIELD> 1 </FIELD>`, `<FIELD>-0</FIELD>`, `<FIELD>2147483648</FIELD>`, `<FIELD>1.5</FIELD>`, `<FIELD>1.</FIELD>`,
	`<FIELD>1E400</FIELD>`, `<FIELD>1.0E7</FIELD>`, `<FIELD>NaN</FIELD>`, `<FIELD>-INF</FIELD>`, `<FIELD>true</FIELD>`,
	`<FIELD> 0</FIELD>`, `<FIELD>yes</FIELD>`, `<FIELD>2026-11-22</FIELD>`, `<FIELD>2026-02-30</FIELD>`,
	`<FIELD>2026-11-22T01:02:03</FIELD>`, `<FIELD>2026-11-22T01:02:03.000+0100</FIELD>`, `<FIELD>soon</FIELD>`,
	`<FIELD>AQI</FIELD>`, "<FIELD>AQID\nAQID</FIELD>",
	`<FIELD>1</FIELD><FIELD>2</FIELD>`, `<FIELD>true</FIELD><FIELD xsi:nil="true"/><FIELD>x</FIELD>`,
	`<FIELD><a>1</a></FIELD>`, `<FIELD>x<a/>y<a><b>2</b><b/></a></FIELD>`, `<FIELD><a/></FIELD><FIELD>1.5</FIELD>`,
}

// oddRecord returns the fields of a record in which each field is the element.
func oddRecord(definition *wsdl.Definition, element string) string {
	var fields strings.Builder
	for _, f := range definition.Fields {
		fields.WriteString(strings.ReplaceAll(element, "FIELD", f.Name))
	}
	return fields.String() + strings.ReplaceAll(element, "FIELD", "fieldsToNull") +
		strings.ReplaceAll(element, "FIELD", "NotInTheWSDL__c") + "text"
}

// message returns a message of one record.
func message(object, fields string) []byte {
	return fmt.Appendf(nil, `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" `+
		`xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><e:Body>`+
		`<notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>00D</OrganizationId>`+
		`<ActionId>04k</ActionId><Notification><Id>04l</Id>`+
		`<sObject xsi:type="s:%s" xmlns:s="urn:sobject.enterprise.soap.sforce.com">%s</sObject>`+
		`</Notification></notifications></e:Body></e:Envelope>`, object, fields)
}

func TestSchemasAcceptWhateverIsDecoded(t *testing.T) {
	t.Parallel()
	types, all := decoder(t), readSchemas(t, false)
	for _, definition := range definitions(t) {
		for _, element := range oddElements {
			b, err := soap.Decode(message(definition.Object, oddRecord(definition, element)), types)
			if err != nil {
				t.Fatalf("%s: %v", element, err)
			}
			if all.assertAccepted(t, definition.Object+" of "+element, b) != 1 {
				t.Errorf("%s: got no record of %s", element, definition.Object)
			}
		}
	}
}

// FuzzSchemas checks that the schemas accept whatever the decoder does.
func FuzzSchemas(f *testing.F) {
	for _, definition := range definitions(f) {
		f.Add(simulated(f, definition))
		for _, element := range oddElements {
			f.Add(message(definition.Object, oddRecord(definition, element)))
		}
	}
	types, all := decoder(f), readSchemas(f, false)
	f.Fuzz(func(t *testing.T, body []byte) {
		if b, err := soap.Decode(body, types); err == nil {
			all.assertAccepted(t, "a message", b)
		}
	})
}
