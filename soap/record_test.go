package soap_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbox/soap"
)

type recordCase struct{ xml, objectType, recordID, fields string }

// recordCases maps names to the XML of an sObject and to what Decode returns for it.
func recordCases() map[string]recordCase {
	return map[string]recordCase{
		"no sObject":              {"", "<nil>", "<nil>", "<nil>"},
		"empty sObject":           {"<sObject/>", "", "<nil>", "{}"},
		"nil sObject":             {`<sObject xsi:nil="true"/>`, "", "<nil>", "<nil>"},
		"typed, empty":            {`<sObject xsi:type="s:Lead" xmlns:s="urn:sobject.enterprise.soap.sforce.com"/>`, "Lead", "<nil>", "{}"},
		"unbound type":            {`<sObject xsi:type="no:Lead"/>`, "no:Lead", "<nil>", "{}"},
		"type of another space":   {`<sObject xsi:type="o:Lead" xmlns:o="urn:other"/>`, "Lead", "<nil>", "{}"},
		"type with two colons":    {`<sObject xsi:type="xsi:a:b"/>`, "xsi:a:b", "<nil>", "{}"},
		"white space in the type": {"<sObject xsi:type='a\r\nb\rc\td  e'/>", "a b c d  e", "<nil>", "{}"},
		"references in the type":  {`<sObject xsi:type="&quot;Ü&#10;&#x4f;'"/>`, "\"Ü\nO'", "<nil>", "{}"},
		"Id of another space":     {`<sObject><Id>1</Id></sObject>`, "", "1", `{"Id":"1"}`},
		"Id of no space":          {`<sObject><Id xmlns="">1</Id></sObject>`, "", "1", `{"Id":"1"}`},
		"Ids of two spaces":       {`<sObject><Id>1</Id><Id xmlns="">2</Id></sObject>`, "", "1", `{"Id":["1","2"]}`},
		"Id within a field":       {`<sObject><a><Id>1</Id></a></sObject>`, "", "<nil>", `{"a":{"Id":"1"}}`},
		"nil Id": {`<sObject xmlns:s="urn:sobject.enterprise.soap.sforce.com"><s:Id xsi:nil="true"/></sObject>`,
			"", "<nil>", `{"Id":null}`},
		"escaped Id": {`<sObject xmlns:s="urn:sobject.enterprise.soap.sforce.com"><s:Id>"1"</s:Id></sObject>`,
			"", `"1"`, `{"Id":"\"1\""}`},
		"two Ids": {`<sObject xmlns:s="urn:sobject.enterprise.soap.sforce.com"><s:Id>1</s:Id><s:Id>2</s:Id></sObject>`,
			"", "1", `{"Id":["1","2"]}`},
		"only text": {`<sObject>text</sObject>`, "", "<nil>", `{"#text":"text"}`},
	}
}

func (c recordCase) body() string {
	return envelope("<Notification><Id>04l1</Id>" + c.xml + "</Notification>")
}

func TestDecodeReadsUnusualRecords(t *testing.T) {
	t.Parallel()
	for name, c := range recordCases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compare(t, []byte(c.body()))
			n := decodeOne(t, c.body(), types(t))
			fields := "<nil>"
			if n.Fields != nil {
				fields = string(n.Fields)
			}
			got := []string{textOf(n.ObjectType), textOf(n.RecordID), fields}
			if diff := cmp.Diff([]string{c.objectType, c.recordID, c.fields}, got); diff != "" {
				t.Errorf("type, record id, fields (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeReadsChangedAt(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC)
	cases := map[string]struct {
		fields string
		want   time.Time
	}{
		"no time": {"", time.Time{}},
		"both": {"<sf:LastModifiedDate>2026-11-22T01:02:02.000Z</sf:LastModifiedDate>" +
			"<sf:SystemModstamp>2026-11-22T01:02:03.000Z</sf:SystemModstamp>", at},
		"both, the other way round": {"<sf:SystemModstamp>2026-11-22T01:02:03.000Z</sf:SystemModstamp>" +
			"<sf:LastModifiedDate>2026-11-22T01:02:02.000Z</sf:LastModifiedDate>", at},
		"only the modification": {"<sf:LastModifiedDate>2026-11-22T01:02:03Z</sf:LastModifiedDate>", at},
		"an offset":             {"<sf:SystemModstamp>2026-11-22T03:02:03.000+0200</sf:SystemModstamp>", at},
		"no time in the stamp":  {"<sf:SystemModstamp>soon</sf:SystemModstamp>", time.Time{}},
		"a null stamp":          {`<sf:SystemModstamp xsi:nil="true"/>`, time.Time{}},
		"a stamp with elements": {"<sf:SystemModstamp><sf:a/></sf:SystemModstamp>", time.Time{}},
		"the year 0":            {"<sf:SystemModstamp>0000-11-22T01:02:03Z</sf:SystemModstamp>", time.Time{}},
		"a stamp that is not a time": {"<sf:LastModifiedDate>2026-11-22T01:02:03Z</sf:LastModifiedDate>" +
			"<sf:SystemModstamp>soon</sf:SystemModstamp>", at},
		"a stamp of another space":   {"<SystemModstamp>2026-11-22T01:02:03Z</SystemModstamp>", at},
		"a modification of no space": {`<LastModifiedDate xmlns="">2026-11-22T01:02:03Z</LastModifiedDate>`, at},
		"two stamps": {"<sf:SystemModstamp>2020-01-01T00:00:00Z</sf:SystemModstamp>" +
			"<sf:SystemModstamp>2026-11-22T01:02:03Z</sf:SystemModstamp>", at},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := envelope(notification("04l1", test.fields))
			if got := decodeOne(t, body, types(t)).ChangedAt; !got.Equal(test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
			compare(t, []byte(body))
		})
	}
}

func TestDecodeReadsTheLongestIDs(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", soap.MaxID)
	body := strings.NewReplacer("00D5g00000ABCDEEA4", long, "04k5g000000TestAAA", long, "04l1", long,
		"sf:Lead", "sf:"+long, "00Q5g000001LeadEAG", strings.Repeat("&quot;", soap.MaxID)).
		Replace(envelope(notification("04l1", "<sf:Company>Acme</sf:Company>")))
	compare(t, []byte(body))
	n := decodeOne(t, body, nil)
	if len(n.ID) != soap.MaxID || len(*n.ObjectType) != soap.MaxID || len(*n.RecordID) != soap.MaxID {
		t.Errorf("got %+v", n)
	}
}

// TestDecodeIgnoresTheNamespaceOfFields decodes a record as node-soap and SOAP::Lite write it, with
// its fields in the namespace of the message.
func TestDecodeIgnoresTheNamespaceOfFields(t *testing.T) {
	t.Parallel()
	own := sample(sampleFields + "<sf:SystemModstamp>2026-11-22T01:02:03.000Z</sf:SystemModstamp>")
	other := strings.NewReplacer("<sf:", "<", "</sf:", "</").Replace(own)
	compare(t, []byte(other))
	want, got := decodeOne(t, own, types(t)), decodeOne(t, other, types(t))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-own namespace +another):\n%s", diff)
	}
	if got.RecordID == nil || got.ChangedAt.IsZero() || got.Drift != 1 { // the WSDL has no SystemModstamp
		t.Errorf("got %+v", got)
	}
}
