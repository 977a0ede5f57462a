package soap_test

import (
	"encoding/xml"
	"fmt"
	"runtime"
	"testing"
	"time"

	"ackbox/soap"
	"ackbox/soap/sobject/lead"
)

// benchmarkFields are, with the Id, 20 fields of a Lead in the order of Salesforce: all those of
// lead.wsdl, and one that was added to the object since, which encoding/xml skips and Decode keeps.
var benchmarkFields = []string{
	"<sf:AnnualRevenue>4.1674186E7</sf:AnnualRevenue>",
	"<sf:City>München</sf:City>",
	"<sf:Company>Weiß &amp; Söhne GmbH</sf:Company>",
	"<sf:ConvertedDate>2026-11-22</sf:ConvertedDate>",
	"<sf:Country>Germany</sf:Country>",
	"<sf:CreatedDate>2026-11-20T08:15:30.000Z</sf:CreatedDate>",
	"<sf:Description>Called twice and left a message.\nNext step: send the price list, &quot;as agreed&quot;, and call " +
		"again on Monday to fix a date for the demo at the customer's site.</sf:Description>",
	"<sf:Email>anna.weiss24@weiss.example</sf:Email>",
	"<sf:FirstName>Anna</sf:FirstName>",
	"<sf:IsConverted>false</sf:IsConverted>",
	"<sf:LastModifiedDate>2026-11-22T01:02:03.000Z</sf:LastModifiedDate>",
	"<sf:LastName>Weiß</sf:LastName>",
	"<sf:LeadSource>Partner Referral</sf:LeadSource>",
	"<sf:NumberOfEmployees>28200</sf:NumberOfEmployees>",
	"<sf:OwnerId>0055g000001OwnerAA</sf:OwnerId>",
	"<sf:Phone>+49 89 6782520</sf:Phone>",
	"<sf:Region__c>EMEA South</sf:Region__c>",
	"<sf:Status>Working - Contacted</sf:Status>",
	"<sf:SystemModstamp>2026-11-22T01:02:03.000Z</sf:SystemModstamp>",
}

// benchmarkBody returns a message of that many Leads.
func benchmarkBody(notifications int) []byte {
	leads := make([]string, notifications)
	for i := range leads {
		leads[i] = notification(fmt.Sprintf("04l5g00000%08d", i), benchmarkFields...)
	}
	return []byte(envelope(leads...))
}

// decoder decodes a body and returns the number of records in it.
type decoder func(body []byte) (records int, err error)

func ackboxDecoder(tb testing.TB) decoder {
	tb.Helper()
	types := types(tb)
	return func(body []byte) (int, error) {
		message, err := soap.Decode(body, types)
		if err != nil {
			return 0, err
		}
		return len(message.Entries), nil
	}
}

// decodeXML decodes a body with encoding/xml and the generated types.
func decodeXML(body []byte) (int, error) {
	var e struct {
		Body struct {
			Notifications lead.Notifications `xml:"http://soap.sforce.com/2005/09/outbound notifications"`
		} `xml:"http://schemas.xmlsoap.org/soap/envelope/ Body"`
	}
	err := xml.Unmarshal(body, &e)
	return len(e.Body.Notifications.Notification), err
}

// timed decodes a body with that many records and adds the time to total.
func (d decoder) timed(b *testing.B, body []byte, records int, total *time.Duration) {
	started := time.Now()
	got, err := d(body)
	*total += time.Since(started)
	if err != nil || got != records {
		b.Fatalf("got %d records, want %d: %v", got, records, err)
	}
}

// BenchmarkDecode compares Decode with encoding/xml. The metric x of "ratio" is how many times as
// fast Decode is. There the two take turns, so that other load on the machine affects both equally.
func BenchmarkDecode(b *testing.B) {
	ours := ackboxDecoder(b)
	for _, records := range []int{1, 100} {
		body := benchmarkBody(records)
		b.Run(fmt.Sprintf("ackbox/%d", records),
			func(b *testing.B) { benchmarkDecoder(b, ours, body, records) })
		b.Run(fmt.Sprintf("encodingxml/%d", records),
			func(b *testing.B) { benchmarkDecoder(b, decodeXML, body, records) })
		b.Run(fmt.Sprintf("ratio/%d", records),
			func(b *testing.B) { benchmarkRatio(b, ours, body, records) })
	}
}

func benchmarkDecoder(b *testing.B, d decoder, body []byte, records int) {
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	var total time.Duration
	for b.Loop() {
		d.timed(b, body, records, &total)
	}
}

// turn is the number of bodies that ours decodes for each one of encoding/xml, so that both take
// about as long.
const turn = 16

func benchmarkRatio(b *testing.B, ours decoder, body []byte, records int) {
	var own, plain time.Duration
	for b.Loop() {
		runtime.GC() // so that neither pays for the other's garbage
		for range turn {
			ours.timed(b, body, records, &own)
		}
		runtime.GC()
		decoder(decodeXML).timed(b, body, records, &plain)
	}
	b.ReportMetric(turn*float64(plain)/float64(own), "x")
}

// BenchmarkDecodeNamesBeyondASCII decodes 1 MiB of elements with names beyond ASCII, which
// Salesforce does not send.
func BenchmarkDecodeNamesBeyondASCII(b *testing.B) {
	body, records := namesBeyondASCII(1 << 20)
	benchmarkDecoder(b, ackboxDecoder(b), body, records)
}

// namesBeyondASCII returns a body of about that size, of elements with names beyond ASCII, and the
// number of records in it.
func namesBeyondASCII(size int) (body []byte, records int) {
	fields := distinct("<sf:日本語の名前%04d/>", 5_000)
	records = size / len(fields)
	notifications := make([]string, records)
	for i := range notifications {
		notifications[i] = notification(fmt.Sprintf("04l5g00000%08d", i), fields)
	}
	return []byte(envelope(notifications...)), records
}
