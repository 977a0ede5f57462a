package soap_test

import (
	"encoding/xml"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ackbox/ledger"
	"ackbox/soap"
	"ackbox/soap/sobject/acmesamplec"
	"ackbox/soap/sobject/lead"
)

// sample returns a message with one acme__Sample__c, which has a field of every kind.
func sample(fields string) string {
	body := envelope(notification("04l1", fields))
	return strings.ReplaceAll(body, "sf:Lead", "sf:acme__Sample__c")
}

const sampleFields = `<sf:Name>  Ünï &amp; </sf:Name>
<sf:acme__Active__c>1</sf:acme__Active__c>
<sf:acme__Amount__c>1.0E7</sf:acme__Amount__c>
<sf:acme__Attachment__c>aGVs bG8=</sf:acme__Attachment__c>
<sf:acme__Count__c>-5</sf:acme__Count__c>
<sf:acme__Due__c>2026-11-22</sf:acme__Due__c>
<sf:acme__Opens__c>08:30:00.000Z</sf:acme__Opens__c>
<sf:acme__Parent__c>a0X5g000001AbCdEAK</sf:acme__Parent__c>
<sf:acme__Seen__c>2026-11-22T01:02:03.004Z</sf:acme__Seen__c>`

// unmarshalSample is the second oracle: for values that fit, As must return what xml.Unmarshal
// makes of the same bytes, rewritten where Decode is lenient.
func unmarshalSample(t *testing.T, body string) *acmesamplec.Acme__Sample__c {
	t.Helper()
	var e struct {
		Body struct {
			Notifications acmesamplec.Notifications `xml:"http://soap.sforce.com/2005/09/outbound notifications"`
		} `xml:"http://schemas.xmlsoap.org/soap/envelope/ Body"`
	}
	rewritten, _ := rewrite([]byte(body))
	if err := xml.Unmarshal(rewritten, &e); err != nil {
		t.Fatalf("unmarshal: %v\n%s", err, body)
	}
	return e.Body.Notifications.Notification[0].SObject
}

func TestAsEqualsUnmarshal(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"every kind": sampleFields,
		"no field":   "",
		"all nil":    nilled(sampleFields),
		"nil, with content": `<sf:Name xsi:nil="true">A</sf:Name><sf:acme__Count__c xsi:nil="1">5</sf:acme__Count__c>
			<sf:acme__Active__c xsi:nil="true"><!-- c -->1</sf:acme__Active__c>
			<sf:fieldsToNull xsi:nil="true"><![CDATA[B]]></sf:fieldsToNull>`,
		"nil, with white space": `<sf:Name xsi:nil="true"> <!-- c -->&#13;</sf:Name>
			<sf:acme__Count__c xsi:nil="true"><![CDATA[ ]]></sf:acme__Count__c>`,
		"nil, unknown, with elements": `<sf:Unknown__c xsi:nil="true"> <sf:Name xsi:nil="true"/>
			<sf:Name>A</sf:Name></sf:Unknown__c><sf:Name>B</sf:Name>`,
		"unusual forms": `<sf:acme__Amount__c> -INF </sf:acme__Amount__c><sf:acme__Count__c>+007</sf:acme__Count__c>
			<sf:acme__Active__c>
			false</sf:acme__Active__c><sf:acme__Seen__c>2026-11-22T01:02:03+02:00</sf:acme__Seen__c>
			<sf:acme__Due__c>2026-11-22Z</sf:acme__Due__c>`,
		"nil, repeated": `<sf:fieldsToNull>A</sf:fieldsToNull><sf:fieldsToNull xsi:nil="true"/>
			<sf:fieldsToNull xsi:nil="true">B</sf:fieldsToNull>`,
		"all nil, repeated": `<sf:fieldsToNull xsi:nil="true"/><sf:fieldsToNull xsi:nil="true"/>`,
		"odd texts": "<sf:Name>a&#11;\x01 &semi;&#0;&#xD83D;&#xDE00;&#xD83D;</sf:Name>" +
			"<sf:fieldsToNull>&nbsp;</sf:fieldsToNull>" + `<sf:fieldsToNull xsi:nil="true">&#xFFFF;</sf:fieldsToNull>`,
		"fieldsToNull": "<sf:fieldsToNull>A</sf:fieldsToNull><sf:fieldsToNull>B</sf:fieldsToNull>",
		"unknown":      "<sf:Unknown__c>1</sf:Unknown__c>",
		"attributes":   `<sf:Name a="1" sf:a='"' xsi:a="Ü &amp;&lt;">A</sf:Name>`,
		"other names":  `<Ünï2__c xmlns="urn:other">1</Ünï2__c>`,
	}
	types := types(t)
	for name, fields := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := sample(fields)
			want := unmarshalSample(t, body)
			for _, types := range []*soap.Types{types, nil} {
				got, err := asSample(decodeOne(t, body, types))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got, withPlaceholders); diff != "" {
					t.Errorf("(-xml.Unmarshal +As):\n%s", diff)
				}
			}
		})
	}
}

// nilled returns the fields, one a line, with xsi:nil and without content.
func nilled(fields string) string {
	var b strings.Builder
	for line := range strings.Lines(fields) {
		name, _, _ := strings.Cut(strings.TrimPrefix(line, "<"), ">")
		b.WriteString("<" + name + ` xsi:nil="true"/>`)
	}
	return b.String()
}

func asSample(e ledger.Entry) (*acmesamplec.Acme__Sample__c, error) {
	return soap.As[acmesamplec.Acme__Sample__c](e.ObjectType, e.Fields)
}

func TestAsReadsEveryKind(t *testing.T) {
	t.Parallel()
	got, err := asSample(decodeOne(t, sample(sampleFields), types(t)))
	if err != nil {
		t.Fatal(err)
	}
	if *got.Name != "  Ünï & " || !*got.Acme__Active__c || *got.Acme__Amount__c != 1e7 ||
		*got.Acme__Count__c != -5 ||
		string(*got.Acme__Attachment__c) != "hello" || got.Acme__Due__c.String() != "2026-11-22" ||
		got.Acme__Opens__c.String() != "08:30:00.000Z" ||
		got.Acme__Seen__c.String() != "2026-11-22T01:02:03.004Z" ||
		*got.Acme__Parent__c != "a0X5g000001AbCdEAK" || *got.Id != "00Q5g000001LeadEAG" {
		t.Errorf("got %+v", got)
	}
}

func TestAsRejectsValuesThatDoNotFit(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"acme__Active__c":     "yes",
		"acme__Amount__c":     "1e999",
		"acme__Count__c":      "5.0",
		"acme__Due__c":        "22.11.2026",
		"acme__Opens__c":      "25:00:00",
		"acme__Seen__c":       "2026-11-22",
		"acme__Attachment__c": "a",
		"Name":                "<sf:a>1</sf:a>",
		"Id":                  "a second one",
	}
	for field, value := range cases {
		body := sample("<sf:" + field + ">" + value + "</sf:" + field + ">")
		got, err := asSample(decodeOne(t, body, types(t)))
		if err == nil || got != nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: got %v, %v; want only an error that names the field", field, got, err)
		}
	}
}

func TestAsRejectsOtherObjectsAndNoRecord(t *testing.T) {
	t.Parallel()
	other := decodeOne(t, sample(""), nil)
	if got, err := soap.As[lead.Lead](other.ObjectType, other.Fields); err == nil || got != nil {
		t.Errorf("another object: got %v, %v", got, err)
	}
	bare := decodeOne(t, envelope(bareNotification), nil)
	if _, err := soap.As[lead.Lead](bare.ObjectType, bare.Fields); !errors.Is(err, soap.ErrNoRecord) {
		t.Errorf("no record: got %v, want ErrNoRecord", err)
	}
}

func FuzzAs(f *testing.F) {
	f.Add("acme__Amount__c", "", "1.0")
	f.Add("acme__Count__c", "", "-7")
	f.Add("acme__Active__c", "", "true")
	f.Add("acme__Seen__c", "", "2026-11-22T01:02:03.004Z")
	f.Add("acme__Attachment__c", "", "aGVsbG8=")
	f.Add("Name", "", "a &lt;b&gt;")
	f.Add("Name", `xsi:nil="true"`, "")
	f.Add("Name", `xsi:nil="1"`, " <!-- c --> ")
	f.Add("Name", `xsi:nil="true"`, "a")
	f.Add("acme__Count__c", `xsi:nil="true"`, "<![CDATA[5]]>")
	f.Add("Name", "", "a&#11;\x01 &semi;&#0;&#xD83D;&#xDE00;")
	f.Add("acme__Attachment__c", "", "aGVs&#11;bG8=")
	f.Add("acme__Parent__c", "", "&nbsp;\x0b&#55357;&#56832;")
	f.Add("Unknown__c", `xsi:nil="true"`, "<a/>")
	f.Add("fieldsToNull", `xsi:nil="true"`, "</sf:fieldsToNull><sf:fieldsToNull>A")
	types := types(f)
	f.Fuzz(func(t *testing.T, field, attributes, value string) {
		body := sample("<sf:" + field + " " + attributes + ">" + value + "</sf:" + field + ">")
		message, err := soap.Decode([]byte(body), types)
		if err != nil || len(message.Entries) != 1 {
			t.Skip("Decode rejects the body")
		}
		n := message.Entries[0]
		if hasOtherFields(t, body) {
			t.Skip("xml.Unmarshal skips fields of another namespace, As does not")
		}
		got, err := asSample(n)
		if fits := err == nil; !fits && n.Drift == 0 {
			t.Fatalf("As rejects a value that is not drift: %v\n%s", err, body)
		}
		if err != nil {
			return
		}
		if diff := cmp.Diff(unmarshalSample(t, body), got, cmp.Comparer(sameSign), withPlaceholders,
			cmp.Transformer("ID", func(id acmesamplec.ID) string { return string(id) })); diff != "" {
			t.Fatalf("(-xml.Unmarshal +As):\n%s\n%s", diff, body)
		}
	})
}

// hasOtherFields reports whether the first record has fields of another namespace than its type.
func hasOtherFields(t *testing.T, body string) bool {
	t.Helper()
	rewritten, _ := rewrite([]byte(body))
	doc, err := parseTree(rewritten)
	if err != nil {
		t.Fatal(err)
	}
	message := doc.roots[0].named(soap.EnvelopeNS, "Body")[0].elements()[0]
	for _, record := range message.named(soap.OutboundNS, "Notification")[0].named(soap.OutboundNS, "sObject") {
		for _, field := range record.elements() {
			if field.name.Space != soap.SObjectNS {
				return true
			}
		}
	}
	return false
}

func sameSign(a, b float64) bool {
	return a == b && math.Signbit(a) == math.Signbit(b) || math.IsNaN(a) && math.IsNaN(b)
}
