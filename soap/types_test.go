package soap_test

import (
	"encoding/xml"
	"strings"
	"testing"

	"ackbox/soap"
)

type firstLead struct {
	XMLName xml.Name `xml:"sObject"`
	A       *string  `xml:"urn:sobject.enterprise.soap.sforce.com A"`
	Both    *int32   `xml:"urn:sobject.enterprise.soap.sforce.com Both"`
}

type secondLead struct {
	B    *bool  `xml:"urn:sobject.enterprise.soap.sforce.com B"`
	Both *int32 `xml:"urn:sobject.enterprise.soap.sforce.com Both"`
}

type conflictingLead struct {
	Both *float64 `xml:"urn:sobject.enterprise.soap.sforce.com Both"`
}

type unsupportedLead struct {
	A chan int `xml:"urn:sobject.enterprise.soap.sforce.com A"`
}

func (*firstLead) ObjectType() string       { return "Lead" }
func (*secondLead) ObjectType() string      { return "Lead" }
func (*conflictingLead) ObjectType() string { return "Lead" }
func (*unsupportedLead) ObjectType() string { return "Lead" }

func TestNewTypesJoinsFieldsOfOneObject(t *testing.T) {
	t.Parallel()
	types, err := soap.NewTypes(&firstLead{}, &secondLead{})
	if err != nil {
		t.Fatal(err)
	}
	body := envelope(notification("04l1", "<sf:A>1</sf:A><sf:B>1</sf:B><sf:Both>1</sf:Both>"))
	n := decodeOne(t, body, types)
	want := `"A":"1","B":true,"Both":1}`
	if got := string(n.Fields); !strings.HasSuffix(got, want) {
		t.Errorf("got %s, want …%s", got, want)
	}
}

func TestNewTypesRejectsConflicts(t *testing.T) {
	t.Parallel()
	_, err := soap.NewTypes(&firstLead{}, &conflictingLead{})
	if err == nil || !strings.Contains(err.Error(), "Lead") || !strings.Contains(err.Error(), "Both") {
		t.Errorf("got %v, want an error that names the object and the field", err)
	}
	if _, err := soap.NewTypes(&unsupportedLead{}); err == nil {
		t.Error("NewTypes accepts a field of the type chan int")
	}
}
