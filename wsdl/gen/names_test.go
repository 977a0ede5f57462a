package main

import (
	"testing"

	"ackbox/wsdl"

	"github.com/google/go-cmp/cmp"
)

func TestPackageName(t *testing.T) {
	t.Parallel()
	names := map[string]string{
		"lead.wsdl":                     "lead",
		"Lead.wsdl":                     "lead",
		"acme__Sample__c.wsdl":          "acmesamplec",
		"wfoutbound (2).wsdl":           "wfoutbound2",
		"case.wsdl":                     "caseobj",
		"Type.wsdl":                     "typeobj",
		"2017-contact.wsdl":             "obj2017contact",
		"internal.wsdl":                 "internalobj",
		"soap.wsdl":                     "soapobj",
		"Größe.wsdl":                    "gre",
		"lead.wsdl.wsdl":                "leadwsdl",
		"wfoutbound.jsp":                "wfoutbound",
		"lead.WSDL":                     "lead",
		"acme.Lead.xml":                 "acmelead",
		"c.o.n.xml":                     "conobj",
		"com_1.wsdl":                    "com1obj",
		"__.wsdl":                       "",
		"\u043b\u0438\u0434\u044b.wsdl": "",
	}
	for file, want := range names {
		if got := packageName(file); got != want {
			t.Errorf("package of %q: got %q, want %q", file, got, want)
		}
	}
}

func TestFieldNamesAreUnique(t *testing.T) {
	t.Parallel()
	var fields []wsdl.Field
	for _, name := range []string{
		"Id", "foo__c", "Foo__c", "Foo__c_", "id", "ID", "string", "String", "Type", "type", "byte",
		"ObjectType", "UnmarshalXML", "XMLName", "SObject", "FieldsToNull", "Lead",
	} {
		fields = append(fields, wsdl.Field{Name: name})
	}
	got := fieldNames(fields)
	want := []string{
		"Id", "Foo__c", "Foo__c_", "Foo__c__", "Id_", "ID", "String", "String_", "Type", "Type_", "Byte",
		"ObjectType_", "UnmarshalXML_", "XMLName_", "SObject_", "FieldsToNull_", "Lead",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}
