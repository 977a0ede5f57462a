package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"ackbox/wsdl/wsdltest"

	"github.com/google/go-cmp/cmp"
)

// decodeWSDLs are WSDLs with names that clash in Go and with all types of fields.
var decodeWSDLs = map[string]string{
	"sample.wsdl": wsdltest.WSDL("acme__Sample__c", "Name xsd:string", "A__c xsd:boolean",
		"B__c xsd:int",
		"C__c xsd:double", "D__c xsd:date", "E__c xsd:dateTime", "F__c xsd:time", "G__c xsd:base64Binary",
		"H__c ent:ID", "I__c xsd:unknown"),
	"clash.wsdl": wsdltest.WSDL("lower__c", "foo__c xsd:string", "Foo__c xsd:string",
		"String xsd:string",
		"string xsd:string", "Type xsd:string", "type xsd:string", "id xsd:string", "ID ent:ID",
		"ObjectType xsd:string", "UnmarshalXML xsd:int", "XMLName xsd:string", "SObject xsd:string",
		"sObject xsd:string", "FieldsToNull xsd:string", "Notification xsd:string", "lower__c xsd:string",
		"byte xsd:int",
		"AnyType xsd:string", "X1 xsd:int"),
	"sobject.wsdl":               wsdltest.WSDL("SObject", "Name xsd:string"),
	"id.wsdl":                    wsdltest.WSDL("ID", "Name xsd:string", "Parent ent:ID"),
	"notifications.wsdl":         wsdltest.WSDL("Notifications", "Name xsd:string"),
	"notificationsresponse.wsdl": wsdltest.WSDL("NotificationsResponse", "Ack xsd:string"),
	"string.wsdl":                wsdltest.WSDL("string", "Name xsd:string"),
	"date.wsdl":                  wsdltest.WSDL("Date", "Name xsd:string"),
	"type.wsdl":                  wsdltest.WSDL("type", "Name xsd:string"),
	"notification.wsdl":          wsdltest.WSDL("Notification", "Name xsd:string"),
}

// message returns a message with the prefixes that Salesforce uses. Each record is the content of
// its sObject.
func message(object string, records ...string) string {
	var text strings.Builder
	text.WriteString(`<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>
 <notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>00Dx0000000BV7z</OrganizationId>
 <ActionId>04kx00000000001</ActionId><SessionId xsi:nil="true"/><EnterpriseUrl>e</EnterpriseUrl>
 <PartnerUrl>p</PartnerUrl>`)
	for i, record := range records {
		fmt.Fprintf(&text, `<Notification><Id>04l%d</Id>`, i)
		if record != "" {
			fmt.Fprintf(&text, `<sObject xsi:type="sf:%s" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">%s</sObject>`,
				object, record)
		}
		text.WriteString(`</Notification>`)
	}
	return text.String() + `</notifications></soapenv:Body></soapenv:Envelope>`
}

const allFields = `<sf:Id>a01</sf:Id>
<sf:Name> J&#252;rgen &amp; Co </sf:Name><sf:A__c>true</sf:A__c><sf:B__c>0</sf:B__c>
<sf:C__c>-1.25E1</sf:C__c><sf:D__c>2026-11-22</sf:D__c><sf:E__c>2026-11-22T01:02:03.450Z</sf:E__c>
<sf:F__c>23:59:00.000Z</sf:F__c><sf:G__c>AQID</sf:G__c><sf:H__c>001</sf:H__c><sf:I__c>x</sf:I__c><sf:Z__c>new</sf:Z__c>`

const allFieldsJSON = `{"Id":"a01","Name":" Jürgen & Co ","A__c":true,"B__c":0,"C__c":-12.5,"D__c":"2026-11-22",
"E__c":"2026-11-22T01:02:03.450Z","F__c":"23:59:00.000Z","G__c":"AQID","H__c":"001","I__c":"x"}`

// otherPrefixes is one notification with the prefixes and declarations that a rewriting proxy may
// produce.
const otherPrefixes = `<o:notifications xmlns:o="http://soap.sforce.com/2005/09/outbound"><o:Notification>
<o:Id>04l0</o:Id><o:sObject><Id xmlns="urn:sobject.enterprise.soap.sforce.com">a01</Id>
<x:Name xmlns:x="urn:sobject.enterprise.soap.sforce.com">in</x:Name><Name xmlns="urn:other">out</Name>
</o:sObject></o:Notification></o:notifications>`

// nilFields returns every field of sample.wsdl as xsi:nil.
func nilFields() string {
	var text strings.Builder
	for _, name := range strings.Fields("fieldsToNull Id Name A__c B__c C__c D__c E__c F__c G__c H__c I__c") {
		fmt.Fprintf(&text, `<sf:%s xsi:nil="true"/>`, name)
	}
	return text.String()
}

// clashing returns a record of clash.wsdl in which the text of each field is its name, and its
// JSON.
func clashing() (record, want string) {
	var xml, object strings.Builder
	for _, name := range strings.Fields("Id foo__c Foo__c String string Type type id ID ObjectType XMLName SObject " +
		"sObject FieldsToNull Notification lower__c AnyType") {
		fmt.Fprintf(&xml, "<sf:%s>%s</sf:%s>", name, name, name)
		fmt.Fprintf(&object, "%q:%q,", name, name)
	}
	return xml.String() + "<sf:UnmarshalXML>7</sf:UnmarshalXML><sf:byte>8</sf:byte>",
		"{" + object.String() + `"UnmarshalXML":7,"byte":8}`
}

func TestGeneratedTypesDecodeMessages(t *testing.T) {
	t.Parallel()
	clash, clashJSON := clashing()
	cases := []struct {
		name, pkg, message string
		want               []string
	}{
		{"a batch, a nil and an absent field, no record", "sample",
			message("acme__Sample__c", allFields, nilFields(), "<sf:Id>a02</sf:Id>", ""),
			[]string{allFieldsJSON, `{}`, `{"Id":"a02"}`, `null`}},
		{"other prefixes", "sample", otherPrefixes, []string{`{"Id":"a01","Name":"in"}`}},
		{"clashing names", "clash", message("lower__c", clash), []string{clashJSON}},
		{"object SObject", "sobject", message("SObject", "<sf:Id>1</sf:Id><sf:Name>n</sf:Name>"),
			[]string{`{"Id":"1","Name":"n"}`}},
		{"object ID", "id", message("ID", "<sf:Id>1</sf:Id><sf:Parent>2</sf:Parent>"),
			[]string{`{"Id":"1","Parent":"2"}`}},
		{"object Notifications", "notifications",
			message("Notifications", "<sf:Id>1</sf:Id>", "<sf:Name>n</sf:Name>"),
			[]string{`{"Id":"1"}`, `{"Name":"n"}`}},
	}
	for _, pkg := range []string{"notificationsresponse", "string", "date", "typeobj",
		"notification"} {
		cases = append(cases, struct {
			name, pkg, message string
			want               []string
		}{pkg, pkg, message("x", "<sf:Id>1</sf:Id>"), []string{`{"Id":"1"}`}})
	}
	var messages [][2]string
	for _, c := range cases {
		messages = append(messages, [2]string{c.pkg, c.message})
	}
	outDir, _ := mustGenerate(t, writeWSDLs(t, decodeWSDLs))
	dir := scratch(t, outDir)
	vet(t, dir)
	for i, got := range decode(t, dir, messages) {
		assertRecords(t, cases[i].name, got, cases[i].want)
		assertValid(t, cases[i].name, schemaIn(t, outDir, cases[i].pkg), got)
	}
}

// assertRecords compares the records of a message. The ids of its notifications must be 04l0, 04l1,
// ….
func assertRecords(t *testing.T, name string, got []notification, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: got %d notifications, want %d", name, len(got), len(want))
		return
	}
	for i := range got {
		if id := fmt.Sprintf("04l%d", i); got[i].ID != id {
			t.Errorf("%s: got the id %q, want %q", name, got[i].ID, id)
		}
		if diff := cmp.Diff(object(t, []byte(want[i])), object(t, got[i].Record)); diff != "" {
			t.Errorf("%s: record %d (-want +got):\n%s", name, i, diff)
		}
	}
}

func object(tb testing.TB, text []byte) map[string]any {
	tb.Helper()
	var fields map[string]any
	if len(bytes.TrimSpace(text)) == 0 {
		return nil
	}
	if err := json.Unmarshal(text, &fields); err != nil {
		tb.Fatal(err)
	}
	return fields
}
