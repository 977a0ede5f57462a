package soap_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ackbox/soap"
)

// An operator wants to know who was refused, though the message could not be read to its end.
func TestAParseErrorSaysWhatWasReadBefore(t *testing.T) {
	t.Parallel()
	const organization = "<OrganizationId>00D5g00000ABCDEEA4</OrganizationId>"
	const action = "<ActionId>04k5g000000TestAAA</ActionId>"
	const lead = `<Notification><Id>04l1</Id><sObject xsi:type="sf:Lead" xmlns:sf="` + soap.SObjectNS + `"/></Notification>`
	const unfinished = `<Notification><Id>04l2</Id>`
	type read struct {
		Organization, Action, Object string
		Notifications                int
	}
	for _, test := range []struct {
		name, content string
		want          read
	}{
		{"nothing", "", read{}},
		{"an organization", organization, read{Organization: "00D5g00000ABCDEEA4"}},
		{"an unfinished organization", "<OrganizationId>00D", read{}},
		{"an organization and an action", organization + action,
			read{Organization: "00D5g00000ABCDEEA4", Action: "04k5g000000TestAAA"}},
		{"notifications", organization + action + lead + lead + unfinished,
			read{"00D5g00000ABCDEEA4", "04k5g000000TestAAA", "Lead", 3}},
		{"one without a record", action + unfinished, read{Action: "04k5g000000TestAAA", Notifications: 1}},
		{"a long organization", "<OrganizationId>" + strings.Repeat("x", 1000) + "</OrganizationId>",
			read{Organization: strings.Repeat("x", soap.MaxID)}},
	} {
		body := `<soapenv:Envelope xmlns:soapenv="` + soap.EnvelopeNS + `" xmlns:xsi="` + soap.XSINS +
			`"><soapenv:Body><notifications xmlns="` + soap.OutboundNS + `">` + test.content + `<!DOCTYPE x>`
		for range 2 { // with a decoder that was used, too
			_, err := soap.Decode([]byte(body), nil)
			e, ok := errors.AsType[*soap.ParseError](err)
			if !ok {
				t.Fatalf("%s: got %v", test.name, err)
			}
			got := read{e.OrganizationID, e.ActionID, e.ObjectType, e.Notifications}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s: (-want +got):\n%s", test.name, diff)
			}
			if strings.Contains(err.Error(), "00D") {
				t.Errorf("%s: the error's text has the id: %v", test.name, err)
			}
		}
	}
}
