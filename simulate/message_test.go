package simulate_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"ackbox/simulate"
	"ackbox/soap"

	"github.com/google/go-cmp/cmp"
)

func TestMessageIsWrittenAsSalesforceWritesIt(t *testing.T) {
	t.Parallel()
	m := simulate.Message{
		OrganizationID: "00DS10000004acKMAQ", ActionID: "04kS1000000MGUiIAO",
		Host:       "example.my.salesforce.com",
		APIVersion: "65.0",
		Notifications: []simulate.Notification{
			{ID: "04lS10000000001AAA", Record: &simulate.Record{
				Object: "Lead", ID: "00QS10000000001AAA",
				Fields: []simulate.Field{
					{Name: "Company", Value: "Böhm & <Söhne>"},
					{Name: "Email", Value: ""},
					{Name: "LastName", Value: "a\r\nb \"c\""},
				},
			}},
			{ID: "04lS10000000002AAA"},
		},
	}
	const want = `<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" ` +
		`xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <soapenv:Body>
  <notifications xmlns="http://soap.sforce.com/2005/09/outbound">
   <OrganizationId>00DS10000004acKMAQ</OrganizationId>
   <ActionId>04kS1000000MGUiIAO</ActionId>
   <SessionId xsi:nil="true"/>
   <EnterpriseUrl>https://example.my.salesforce.com/services/Soap/c/65.0/00DS10000004acK</EnterpriseUrl>
   <PartnerUrl>https://example.my.salesforce.com/services/Soap/u/65.0/00DS10000004acK</PartnerUrl>
   <Notification>
    <Id>04lS10000000001AAA</Id>
    <sObject xsi:type="sf:Lead" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">
     <sf:Id>00QS10000000001AAA</sf:Id>
     <sf:Company>Böhm &amp; &lt;Söhne&gt;</sf:Company>
     <sf:LastName>a&#13;
b "c"</sf:LastName>
    </sObject>
   </Notification>
   <Notification>
    <Id>04lS10000000002AAA</Id>
   </Notification>
  </notifications>
 </soapenv:Body>
</soapenv:Envelope>`
	if diff := cmp.Diff(want, string(m.Append(nil))); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
}

func TestSessionIdHasTheChosenForm(t *testing.T) {
	t.Parallel()
	for form, want := range map[simulate.SessionForm]string{
		simulate.SessionNil:    "   <SessionId xsi:nil=\"true\"/>\n",
		simulate.SessionEmpty:  "   <SessionId></SessionId>\n",
		simulate.SessionAbsent: "",
		simulate.SessionSent:   "   <SessionId>00DS10000004acK!AQ",
	} {
		m := simulate.Message{OrganizationID: simulate.DefaultOrganizationID, Session: form}
		got := string(m.Append(nil))
		if !strings.Contains(got, want) || want == "" && strings.Contains(got, "SessionId") {
			t.Errorf("form %d: no %q in\n%s", form, want, got)
		}
	}
}

func TestTextIsWrittenExactly(t *testing.T) {
	t.Parallel()
	const odd = "\t lead & trail \r\n\r<&>\"' ]]> é 日本 🚀 &amp; \n"
	m := simulate.Message{OrganizationID: "x", Notifications: []simulate.Notification{{
		ID: "y", Record: &simulate.Record{Object: "Lead",
			Fields: []simulate.Field{{Name: "Text__c", Value: odd}}},
	}}}
	if got := decodeMessage(t, m.Append(nil)).notifications[0].fields["Text__c"]; got != odd {
		t.Errorf("got %q, want %q", got, odd)
	}
	m.Notifications[0].Record.Fields[0].Value = "a\x00b\x1bc\xffd\uFFFEe"
	if got, want := decodeMessage(t, m.Append(nil)).notifications[0].fields["Text__c"],
		"a�b�c�d�e"; got != want {
		t.Errorf("characters that XML cannot contain: got %q, want %q", got, want)
	}
}

func TestFullIDAddsTheCheckCharacters(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"000000000000000":    "000000000000000AAA",
		"ABCDEFGHIJKLMNO":    "ABCDEFGHIJKLMNO555",
		"00QAb000000aBcD":    "00QAb000000aBcDMAU",
		"00QAb000000aBcDMAU": "00QAb000000aBcDMAU",
		"short":              "short",
	} {
		if got := simulate.FullID(id); got != want {
			t.Errorf("FullID(%q) = %q, want %q", id, got, want)
		}
	}
}

func FuzzAppend(f *testing.F) {
	f.Add("a & b", "<c>\r\n")
	f.Fuzz(func(t *testing.T, id, value string) {
		record := &simulate.Record{Object: "Lead", ID: "r",
			Fields: []simulate.Field{{Name: "F", Value: value + "."}}}
		m := simulate.Message{
			OrganizationID: "o", Notifications: []simulate.Notification{{ID: "n" + id, Record: record}},
		}
		body := m.Append(nil)
		decodeMessage(t, body)
		if len(id) >= soap.MaxID/utf8.UTFMax {
			return // it may be too long after bytes that are not UTF-8 were replaced
		}
		if _, err := soap.Decode(body, nil); err != nil {
			t.Error(err)
		}
	})
}
