package soap_test

import (
	"strings"
	"testing"

	"ackbox/soap"
)

type oddText struct {
	fieldCase
	oddities int
}

// oddTexts maps names to the XML of fields of a Lead whose text XML 1.0 forbids, or nearly so. Each
// of the first kind refused a message with all its records.
func oddTexts() map[string]oddText {
	company := func(text, json string, oddities int) oddText {
		return oddText{fieldCase{"<sf:Company>" + text + "</sf:Company>", `"Company":` + json, 0}, oddities}
	}
	return map[string]oddText{
		"control characters":          company("a\x01\x08\x0b\x0c\x0e\x1fb", `"a\u0001\u0008\u000b\u000c\u000e\u001fb"`, 6),
		"no characters of Unicode":    company("\ufffe\uffff", "\"\ufffe\uffff\"", 2),
		"allowed characters":          company("\x7f\u0085\ufffd\U0001ffff", "\"\x7f\u0085\ufffd\U0001ffff\"", 0),
		"CDATA":                       company("<![CDATA[\x0b&semi;&#1;]]>", `"\u000b&semi;&#1;"`, 1),
		"references to controls":      company("&#11;&#x1E;&#x00b;&#0011;", `"\u000b\u001e\u000b\u000b"`, 4),
		"references to no characters": company("&#xFFFE;&#65535;&#xfffF;", "\"\ufffe\uffff\uffff\"", 3),
		"references to white space":   company("&#9;&#10;&#13;&#xA;", `"\t\n\r\n"`, 0),
		"references to U+0000":        company("&#0;&#x0;&#0000;&#x00;", `"&#0;&#x0;&#0000;&#x00;"`, 4),
		"a pair":                      company("&#xD83D;&#xDE00;", `"😀"`, 1),
		"a pair in decimal":           company("&#55357;&#56832;", `"😀"`, 1),
		"a pair in both":              company("&#xd83d;&#056832;", `"😀"`, 1),
		"the first and the last pair": company("&#xD800;&#xDC00;&#xDBFF;&#xDFFF;", "\"\U00010000\U0010ffff\"", 2),
		"a first half":                company("a&#xD83D;b", `"a&#xD83D;b"`, 1),
		"a second half":               company("a&#56832;b", `"a&#56832;b"`, 1),
		"halves in the wrong order":   company("&#xDE00;&#xD83D;", `"&#xDE00;&#xD83D;"`, 2),
		"three halves":                company("&#xD83D;&#xD83D;&#xDE00;", `"&#xD83D;😀"`, 2),
		"halves apart":                company("&#xD83D; &#xDE00;", `"&#xD83D; &#xDE00;"`, 2),
		"halves around a comment":     company("&#xD83D;<!-- c -->&#xDE00;", `"&#xD83D;&#xDE00;"`, 2),
		"a half and a character":      company("&#xD83D;&#65;&#xDE00;&amp;", `"&#xD83D;A&#xDE00;&"`, 2),
		"a half at the end":           company("&#xD83D;", `"&#xD83D;"`, 1),
		"an entity":                   company("first&semi; second", `"first&semi; second"`, 1),
		"entities of HTML":            company("&nbsp;&copy;&Auml;&there4;", `"&nbsp;&copy;&Auml;&there4;"`, 4),
		"an entity with an odd name":  company("&é;&a:b.c-1;&_;&:;", `"&é;&a:b.c-1;&_;&:;"`, 4),
		"an entity in the wrong case": company("&LT;&Amp;", `"&LT;&Amp;"`, 2),
		"escaped entities":            company("&amp;semi;&amp;#11;&#38;#0;", `"&semi;&#11;&#0;"`, 0),
		"what looks like escapes":     company(`\u000b \" \`, `"\\u000b \\\" \\"`, 0),
		"between quotation marks":     company("\"\x0b\"\\", `"\"\u000b\"\\"`, 1),
		"elements around it":          company("\x01<sf:a>&#2;</sf:a>&semi;", `{"a":"\u0002","#text":"\u0001&semi;"}`, 3).drifting(),
		"only a control character":    company("\x0b", `"\u000b"`, 1),
		"nil with a control character": {fieldCase{
			`<sf:Company xsi:nil="true">&#11;</sf:Company>`,
			`"Company":"\u000b"`, 0}, 1},
		"beside the fields": {fieldCase{
			"\x0b<sf:Company/>&semi;",
			`"Company":"","#text":"\n     \u000b&semi;\n    "`, 0}, 2},
		"a number": {fieldCase{
			"<sf:AnnualRevenue>5&#11;</sf:AnnualRevenue>",
			`"AnnualRevenue":"5\u000b"`, 1}, 1},
		"a boolean": {fieldCase{
			"<sf:IsConverted>\x0btrue</sf:IsConverted>",
			`"IsConverted":"\u000btrue"`, 1}, 1},
		"a date": {fieldCase{
			"<sf:CreatedDate>2017-09-01T16:27:19.000Z&#x1;</sf:CreatedDate>",
			`"CreatedDate":"2017-09-01T16:27:19.000Z\u0001"`, 1}, 1},
		"a field that no WSDL declares": {fieldCase{
			"<sf:New__c>&semi;</sf:New__c>",
			`"New__c":"&semi;"`, 1}, 1},
	}
}

// drifting returns the text as that of a field that does not fit its WSDL.
func (o oddText) drifting() oddText {
	o.drift = 1
	return o
}

func TestDecodeKeepsOddTextsOfFields(t *testing.T) {
	t.Parallel()
	types := types(t)
	for name, c := range oddTexts() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compare(t, []byte(c.body()))
			message, err := soap.Decode([]byte(c.body()), types)
			if err != nil {
				t.Fatal(err)
			}
			want := `{"Id":"00Q5g000001LeadEAG",` + c.json + `}`
			if got := string(message.Entries[0].Fields); got != want {
				t.Errorf("fields:\n got %s\nwant %s", got, want)
			}
			if message.Oddities != c.oddities || message.Entries[0].Drift != c.drift {
				t.Errorf("got %d oddities and drift %d, want %d and %d",
					message.Oddities, message.Entries[0].Drift, c.oddities, c.drift)
			}
		})
	}
}

func TestDecodeCountsTheOdditiesOfAMessage(t *testing.T) {
	t.Parallel()
	body := envelope(notification("04l1", "<sf:Company>&#11;</sf:Company>"), notification("04l2"),
		notification("04l3", "<sf:Company>\x0b&semi;</sf:Company>"))
	for range 2 { // the second time, the decoder is not new
		message, err := soap.Decode([]byte(body), nil)
		if err != nil || message.Oddities != 3 || len(message.Entries) != 3 {
			t.Errorf("got %+v, %v; want 3 oddities", message, err)
		}
	}
}

// TestDecodeKeepsOddRecordIDs checks that a record's id is the exact text of its Id.
func TestDecodeKeepsOddRecordIDs(t *testing.T) {
	t.Parallel()
	body := strings.Replace(envelope(notification("04l1")), "00Q5g000001LeadEAG", "\x01&#11;&#0;&semi;\"", 1)
	compare(t, []byte(body))
	if n := decodeOne(t, body, nil); *n.RecordID != "\x01\v&#0;&semi;\"" {
		t.Errorf("got %q", *n.RecordID)
	}
}

func TestDecodeBoundsOddities(t *testing.T) {
	t.Parallel()
	const most = 1 << 20
	field := func(n int) []byte {
		return []byte(envelope(notification("04l1", "<sf:A>"+strings.Repeat("\x01", n)+"</sf:A>")))
	}
	if message, err := soap.Decode(field(most), nil); err != nil || message.Oddities != most {
		t.Errorf("got %v, want %d oddities", err, most)
	}
	if _, err := soap.Decode(field(most+1), nil); causeOf(err) != soap.CauseLimit {
		t.Errorf("got %v, want the cause %s", err, soap.CauseLimit)
	}
}

// TestBase64HasOnlyTheWhiteSpaceOfXML checks that what package unicode calls white space is not
// ignored: the value would be stored as one that fits, which it does not.
func TestBase64HasOnlyTheWhiteSpaceOfXML(t *testing.T) {
	t.Parallel()
	for text, fits := range map[string]bool{
		"aGVs bG8=": true, "aGVs&#9;&#10;\r\nbG8= ": true, "aGVs&#11;bG8=": false, "aGVs\x0cbG8=": false,
		"aGVs\u00a0bG8=": false, "aGVs\u0085bG8=": false,
	} {
		body := sample("<sf:acme__Attachment__c>" + text + "</sf:acme__Attachment__c>")
		n := decodeOne(t, body, types(t))
		record, err := asSample(n)
		if fits && (n.Drift != 0 || err != nil || string(*record.Acme__Attachment__c) != "hello") {
			t.Errorf("%q: got drift %d, %v, want it to fit", text, n.Drift, err)
		}
		if !fits && (n.Drift != 1 || err == nil) {
			t.Errorf("%q: got drift %d, %v, want it to be drift", text, n.Drift, err)
		}
	}
}
