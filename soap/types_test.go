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

type clashingLead struct {
	Both *float64 `xml:"urn:sobject.enterprise.soap.sforce.com Both"`
}

type oddLead struct {
	A chan int `xml:"urn:sobject.enterprise.soap.sforce.com A"`
}

func (*firstLead) ObjectType() string    { return "Lead" }
func (*secondLead) ObjectType() string   { return "Lead" }
func (*clashingLead) ObjectType() string { return "Lead" }
func (*oddLead) ObjectType() string      { return "Lead" }

func TestNewTypesJoinsTheFieldsOfOneObject(t *testing.T) {
	t.Parallel()
	types, err := soap.NewTypes(&firstLead{}, &secondLead{})
	if err != nil {
		t.Fatal(err)
	}
	n := decodeOne(t, envelope(notification("04l1", "<sf:A>1</sf:A><sf:B>1</sf:B><sf:Both>1</sf:Both>")), types)
	want := `"A":"1","B":true,"Both":1}`
	if got := string(n.Fields); !strings.HasSuffix(got, want) {
		t.Errorf("got %s, want …%s", got, want)
	}
}

func TestNewTypesRefusesAClash(t *testing.T) {
	t.Parallel()
	_, err := soap.NewTypes(&firstLead{}, &clashingLead{})
	if err == nil || !strings.Contains(err.Error(), "Lead") || !strings.Contains(err.Error(), "Both") {
		t.Errorf("got %v, want an error that names object and field", err)
	}
	if _, err := soap.NewTypes(&oddLead{}); err == nil {
		t.Error("a channel is taken for a field")
	}
}
