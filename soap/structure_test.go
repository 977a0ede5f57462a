package soap_test

import (
	"strings"
	"testing"

	"ackbox/soap"
)

// lostStructures maps names to bodies with elements that are not stored. Each was acked as if it
// were complete: a record in another namespace as one that was deleted.
func lostStructures() map[string]rejection {
	plain := envelope(notification("04l1", "<sf:Company>Acme</sf:Company>"))
	replace := func(old, replacement string) string { return strings.Replace(plain, old, replacement, 1) }
	record := func(start, end string) string {
		return strings.NewReplacer("<sObject ", start, "</sObject>", end).Replace(plain)
	}
	inNotification := func(xml string) rejection {
		return rejection{replace("    <sObject", xml+"<sObject"), soap.CauseShape, 12, 1}
	}
	inMessage := func(xml string, column int) rejection {
		return rejection{replace("   <SessionId", xml+"<SessionId"), soap.CauseShape, 7, column}
	}
	return map[string]rejection{
		"the record in its fields' namespace": {record(
			`<sObject xmlns="`+soap.SObjectNS+`" `, "</sObject>"), soap.CauseShape, 12, 5},
		"the record in no namespace": {record(`<sObject xmlns="" `, "</sObject>"), soap.CauseShape, 12, 5},
		"the record in upper case":   {record("<SObject ", "</SObject>"), soap.CauseShape, 12, 5},
		"the record in lower case":   {record("<sobject ", "</sobject>"), soap.CauseShape, 12, 5},
		"a second record":            inNotification(`<x:sObject xmlns:x="urn:x"><a/></x:sObject>`),
		"a second Id":                inNotification(`<Id xmlns="urn:x">04l2</Id>`),
		"text in a Notification":     inNotification("<Other>1</Other>"),
		"nothing in a Notification":  inNotification("<Other/>"),
		"a Notification in another case": {strings.NewReplacer("<Notification>", "<notification>",
			"</Notification>", "</notification>").Replace(plain), soap.CauseShape, 10, 4},
		"a Notification in no namespace":       inMessage(`<Notification xmlns=""/>`, 1),
		"a Notification in another namespace":  inMessage(`<x:Notification xmlns:x="urn:x"/>`, 1),
		"an ActionId in another namespace":     inMessage(`<x:ActionId xmlns:x="urn:x">1</x:ActionId>`, 1),
		"an OrganizationId in another case":    inMessage("<OrganizationID>00D</OrganizationID>", 1),
		"a SessionId in another namespace":     inMessage(`<SessionId xmlns="urn:x"/>`, 1),
		"a URL in another case":                inMessage("<partnerurl/>", 1),
		"an unknown element with an element":   inMessage("<Other>1<a/></Other>", 9),
		"a SessionId with an element":          inMessage("<SessionId><a/></SessionId>", 12),
		"an EnterpriseUrl with an element":     inMessage("<EnterpriseUrl> <a/></EnterpriseUrl>", 17),
		"records, in an element of their kind": inMessage("<Notifications><Notification/></Notifications>", 16),
	}
}

func TestDecodeRejectsStructureThatWouldBeLost(t *testing.T) {
	t.Parallel()
	for name, c := range lostStructures() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.check(t)
		})
	}
}

// passedOverBodies returns a body with n elements in its Header that are not stored, and one with
// them in notifications; there are three more in both.
func passedOverBodies(n int) (inHeader, inMessage string) {
	plain := envelope(notification("04l1", "<sf:Company>Acme</sf:Company>"))
	header := "<soapenv:Header><a>" + strings.Repeat("<b/>", n-1) + "</a></soapenv:Header><soapenv:Body>"
	return strings.Replace(plain, "<soapenv:Body>", header, 1),
		strings.Replace(plain, "<SessionId", strings.Repeat("<b>1</b>", n)+"<SessionId", 1)
}

func TestDecodeBoundsTheElementsPassedOver(t *testing.T) {
	t.Parallel()
	const most = 10_000 - 3 // SessionId and the URLs
	for _, n := range []int{most, most + 1} {
		inHeader, inMessage := passedOverBodies(n)
		for _, body := range []string{inHeader, inMessage} {
			compare(t, []byte(body))
			var want soap.Cause
			if n > most {
				want = soap.CauseLimit
			}
			if _, err := soap.Decode([]byte(body), nil); causeOf(err) != want || (err == nil) != (want == "") {
				t.Errorf("%d elements: got %v, want cause %q", n, err, want)
			}
		}
	}
}

func TestDecodePassesOverTextOfUnknownNames(t *testing.T) {
	t.Parallel()
	plain := envelope(notification("04l1", "<sf:Company>Acme</sf:Company>"))
	for _, xml := range []string{
		"<Other>a &amp; <![CDATA[<b>]]><!-- c --></Other>", "<Other a='1'/>", "<x:Other xmlns:x='urn:x'>1</x:Other>",
		"<Other>1</Other><Other>2</Other>", "<SessionId>00D!AQ</SessionId>", "<Notifications/>",
	} {
		body := strings.Replace(plain, "<SessionId", xml+"<SessionId", 1)
		compare(t, []byte(body))
		if got, want := decodeOne(t, body, nil), decodeOne(t, plain, nil); got.Digest != want.Digest {
			t.Errorf("%s changes the notification", xml)
		}
	}
}
