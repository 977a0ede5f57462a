package soap_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"ackbox/soap"
)

// The same start tag means what the declarations around it say, each time anew.
func TestRepeatedStartTagsAreReadInTheirScope(t *testing.T) {
	t.Parallel()
	const record = `<sObject xsi:type="p:Lead"><p:Id>1</p:Id><p:NumberOfEmployees>7</p:NumberOfEmployees></sObject>`
	scoped := func(uri, instance string) string {
		return `<Notification xmlns:p="` + uri + `" xmlns:xsi="` + instance + `"><Id>04l1</Id>` + record + `</Notification>`
	}
	known := scoped(soap.SObjectNS, soap.XSINS)
	const declaring = `<Notification><Id>04l2</Id>` +
		`<sObject xsi:type="p:Lead" xmlns:p="urn:sobject.enterprise.soap.sforce.com"><p:NumberOfEmployees>7` +
		`</p:NumberOfEmployees><p:City xsi:type="p:Lead">A</p:City><p:City xsi:type="p:Lead">B</p:City></sObject></Notification>`
	parts := []string{
		known, known, scoped("urn:other", soap.XSINS), known, scoped(soap.SObjectNS, "urn:other"), known,
		declaring, declaring, known, declaring,
	}
	together, err := soap.Decode([]byte(envelope(parts...)), types(t))
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range parts {
		alone, err := soap.Decode([]byte(envelope(part)), types(t))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(alone.Entries[0], together.Entries[i]); diff != "" {
			t.Errorf("%d differs from what it is alone:\n%s", i, diff)
		}
	}
	undeclared := `<Notification><Id>04l1</Id>` + record + `</Notification>`
	if _, err := soap.Decode([]byte(envelope(known, undeclared)), types(t)); err == nil {
		t.Error("a prefix is bound outside of its scope")
	}
}
