package soap_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ackbox/ledger"
	"ackbox/soap"
	"ackbox/soap/sobject"
)

// causeOf returns the cause of a *soap.ParseError. It returns "" for any other error and for none.
func causeOf(err error) soap.Cause {
	var parse *soap.ParseError
	if errors.As(err, &parse) {
		return parse.Cause
	}
	return ""
}

// types returns the types of the WSDLs of this repository.
func types(tb testing.TB) *soap.Types {
	tb.Helper()
	types, err := soap.NewTypes(sobject.Records()...)
	if err != nil {
		tb.Fatal(err)
	}
	return types
}

// decodeOne decodes a body, which Decode must accept, and returns its first notification.
func decodeOne(tb testing.TB, body string, types *soap.Types) ledger.Entry {
	tb.Helper()
	message, err := soap.Decode([]byte(body), types)
	if err != nil {
		tb.Fatalf("decode: %v\n%s", err, body)
	}
	return message.Entries[0]
}

func TestDecodeReadsAMessage(t *testing.T) {
	t.Parallel()
	lead1 := notification("04l1",
		"<sf:Company>Acme</sf:Company>", "<sf:Email>a@example.com</sf:Email>")
	body := envelope(lead1, bareNotification)
	got, err := soap.Decode([]byte(body), nil)
	if err != nil {
		t.Fatal(err)
	}
	lead, record := "Lead", "00Q5g000001LeadEAG"
	want := &ledger.Batch{
		Intake:         ledger.SOAP,
		OrganizationID: "00D5g00000ABCDEEA4",
		ActionID:       "04k5g000000TestAAA",
		Entries: []ledger.Entry{
			{ID: "04l1", ObjectType: &lead, RecordID: &record, Digest: got.Entries[0].Digest,
				Fields: []byte(`{"Id":"00Q5g000001LeadEAG","Company":"Acme","Email":"a@example.com"}`)},
			{ID: "04l5g000000NoRecAA", Digest: got.Entries[1].Digest},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDecodeReturnsEveryNotification(t *testing.T) {
	t.Parallel()
	message, err := soap.Decode([]byte(envelope(many(100)...)), nil)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, n := range message.Entries {
		ids[n.ID] = true
	}
	if len(ids) != 100 {
		t.Errorf("got %d different notifications, want 100", len(ids))
	}
}

func TestDecodeDiscardsTheSessionID(t *testing.T) {
	t.Parallel()
	const secret = "00D5g00000ABCDE!AQsecret"
	body := strings.Replace(envelope(many(2)...),
		`<SessionId xsi:nil="true"/>`, "<SessionId>"+secret+"</SessionId>", 1)
	message, err := soap.Decode([]byte(body), nil)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%+v %s", message, message.Entries[0].Fields)
	if strings.Contains(text, secret) {
		t.Error("the session id is in the message")
	}
}

type fieldCase struct {
	xml, json string
	drift     int
}

// fieldCases maps names to the XML of fields that follow the Id of a Lead, and to the JSON that
// follows it.
func fieldCases() map[string]fieldCase {
	return map[string]fieldCase{
		"text":                       {"<sf:Company>Acme &amp; Söhne \"x\" \\ ü</sf:Company>", `"Company":"Acme & Söhne \"x\" \\ ü"`, 0},
		"spaces are kept":            {"<sf:Company>  a  b </sf:Company>", `"Company":"  a  b "`, 0},
		"line ends become \\n":       {"<sf:Company>a\r\nb\rc\nd&#13;\te</sf:Company>", `"Company":"a\nb\nc\nd\r\te"`, 0},
		"CDATA and comments":         {"<sf:Company>a<![CDATA[<b>]]><!-- c -->d</sf:Company>", `"Company":"a<b>d"`, 0},
		"escaped HTML stays escaped": {"<sf:Company>&amp;lt;br&amp;gt;</sf:Company>", `"Company":"&lt;br&gt;"`, 0},
		"empty":                      {"<sf:Company/><sf:Email></sf:Email>", `"Company":"","Email":""`, 0},
		"nil":                        {`<sf:Company xsi:nil="true"/><sf:AnnualRevenue xsi:nil="1"/>`, `"Company":null,"AnnualRevenue":null`, 0},
		"nil with content":           {`<sf:Company xsi:nil="true">x</sf:Company>`, `"Company":"x"`, 0},
		"nil with a quotation mark":  {`<sf:Company xsi:nil="true">"</sf:Company>`, `"Company":"\""`, 0},
		"repeated":                   {"<sf:fieldsToNull>A</sf:fieldsToNull><sf:fieldsToNull>B</sf:fieldsToNull>", `"fieldsToNull":["A","B"]`, 0},
		"repeated apart":             {"<sf:Company>1</sf:Company><sf:Email>x</sf:Email><sf:Company>2</sf:Company>", `"Company":["1","2"],"Email":"x"`, 1},
		"nested":                     {"<sf:Company><sf:a>1</sf:a> <sf:b><sf:c/></sf:b></sf:Company>", `"Company":{"a":"1","b":{"c":""}}`, 1},
		"text beside elements":       {"<sf:Company>x <sf:a>1</sf:a> y</sf:Company>", `"Company":{"a":"1","#text":"x  y"}`, 1},
		"another prefix":             {`<q:Company xmlns:q="urn:sobject.enterprise.soap.sforce.com">A</q:Company>`, `"Company":"A"`, 0},
		"another namespace":          {`<sf:AnnualRevenue xmlns:sf="urn:other">1.0</sf:AnnualRevenue>`, `"AnnualRevenue":1.0`, 0},
		"letters beyond ASCII":       {`<Ünï2__c xmlns="urn:other">1</Ünï2__c>`, `"Ünï2__c":"1"`, 1},
		"attributes":                 {`<sf:Company a="1" sf:a='"' xsi:a="Ü&amp;&lt;">A</sf:Company>`, `"Company":"A"`, 0},
		"a field no WSDL names":      {"<sf:New__c>1</sf:New__c>", `"New__c":"1"`, 1},
		"double":                     {"<sf:AnnualRevenue>1.0E7</sf:AnnualRevenue>", `"AnnualRevenue":1.0E7`, 0},
		"double, many digits":        {"<sf:AnnualRevenue>0.10000000000000000000001</sf:AnnualRevenue>", `"AnnualRevenue":0.10000000000000000000001`, 0},
		"double, negative":           {"<sf:AnnualRevenue>-94.1307667</sf:AnnualRevenue>", `"AnnualRevenue":-94.1307667`, 0},
		"double, not JSON's form":    {"<sf:AnnualRevenue>+1.5</sf:AnnualRevenue>", `"AnnualRevenue":"+1.5"`, 0},
		"double without whole part":  {"<sf:AnnualRevenue>.5</sf:AnnualRevenue>", `"AnnualRevenue":".5"`, 0},
		"double without fraction":    {"<sf:AnnualRevenue>5.</sf:AnnualRevenue>", `"AnnualRevenue":"5."`, 0},
		"double, leading zeros":      {"<sf:AnnualRevenue>007</sf:AnnualRevenue>", `"AnnualRevenue":"007"`, 0},
		"double, infinite":           {"<sf:AnnualRevenue>-INF</sf:AnnualRevenue>", `"AnnualRevenue":"-INF"`, 0},
		"double, NaN":                {"<sf:AnnualRevenue>NaN</sf:AnnualRevenue>", `"AnnualRevenue":"NaN"`, 0},
		"double, spaces":             {"<sf:AnnualRevenue> 5.0\n</sf:AnnualRevenue>", `"AnnualRevenue":" 5.0\n"`, 0},
		"double, too large":          {"<sf:AnnualRevenue>1e999</sf:AnnualRevenue>", `"AnnualRevenue":"1e999"`, 1},
		"double, no number":          {"<sf:AnnualRevenue>lots</sf:AnnualRevenue>", `"AnnualRevenue":"lots"`, 1},
		"double, hexadecimal":        {"<sf:AnnualRevenue>0x10</sf:AnnualRevenue>", `"AnnualRevenue":"0x10"`, 1},
		"double, empty":              {"<sf:AnnualRevenue/>", `"AnnualRevenue":""`, 1},
		"int":                        {"<sf:NumberOfEmployees>5000</sf:NumberOfEmployees>", `"NumberOfEmployees":5000`, 0},
		"int, smallest":              {"<sf:NumberOfEmployees>-2147483648</sf:NumberOfEmployees>", `"NumberOfEmployees":-2147483648`, 0},
		"int, signed":                {"<sf:NumberOfEmployees>+5</sf:NumberOfEmployees>", `"NumberOfEmployees":"+5"`, 0},
		"int, over 32 bits":          {"<sf:NumberOfEmployees>2147483648</sf:NumberOfEmployees>", `"NumberOfEmployees":"2147483648"`, 1},
		"int with a fraction":        {"<sf:NumberOfEmployees>5.0</sf:NumberOfEmployees>", `"NumberOfEmployees":"5.0"`, 1},
		"boolean":                    {"<sf:IsConverted>true</sf:IsConverted>", `"IsConverted":true`, 0},
		"boolean as digit":           {"<sf:IsConverted>0</sf:IsConverted>", `"IsConverted":false`, 0},
		"boolean, no":                {"<sf:IsConverted>no</sf:IsConverted>", `"IsConverted":"no"`, 1},
		"dateTime":                   {"<sf:CreatedDate>2017-09-01T16:27:19.000Z</sf:CreatedDate>", `"CreatedDate":"2017-09-01T16:27:19.000Z"`, 0},
		"dateTime, no such day":      {"<sf:CreatedDate>2017-02-30T16:27:19.000Z</sf:CreatedDate>", `"CreatedDate":"2017-02-30T16:27:19.000Z"`, 1},
	}
}

func (c fieldCase) body() string { return envelope(notification("04l1", c.xml)) }

func TestDecodeWritesFields(t *testing.T) {
	t.Parallel()
	types := types(t)
	for name, c := range fieldCases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compare(t, []byte(c.body()))
			n := decodeOne(t, c.body(), types)
			want := `{"Id":"00Q5g000001LeadEAG",` + c.json + `}`
			if got := string(n.Fields); got != want {
				t.Errorf("fields:\n got %s\nwant %s", got, want)
			}
			if n.Drift != c.drift {
				t.Errorf("got drift %d, want %d", n.Drift, c.drift)
			}
		})
	}
}

func TestDecodeWritesStringsWithoutAWSDL(t *testing.T) {
	t.Parallel()
	body := envelope(notification("04l1",
		"<sf:AnnualRevenue>5.0</sf:AnnualRevenue>", "<sf:IsConverted>1</sf:IsConverted>"))
	n := decodeOne(t, strings.ReplaceAll(body, "sf:Lead", "sf:Prospect__c"), types(t))
	want := `{"Id":"00Q5g000001LeadEAG","AnnualRevenue":"5.0","IsConverted":"1"}`
	if got := string(n.Fields); got != want || n.Drift != 0 || *n.ObjectType != "Prospect__c" {
		t.Errorf("got %s with drift %d of %s, want %s", got, n.Drift, *n.ObjectType, want)
	}
}

func textOf(text *string) string {
	if text == nil {
		return "<nil>"
	}
	return *text
}

type rejection struct {
	body         string
	cause        soap.Cause
	line, column int
}

// rejections maps names to bodies that Decode must reject, with the cause and the position.
func rejections() map[string]rejection {
	plain := envelope(notification("04l1", "<sf:Company>Acme</sf:Company>"))
	replace := func(old, replacement string) string { return strings.Replace(plain, old, replacement, 1) }
	return map[string]rejection{
		"nothing":           {"", soap.CauseMalformed, 1, 1},
		"no XML":            {"hello", soap.CauseShape, 1, 1},
		"truncated":         {plain[:strings.Index(plain, "Acme")], soap.CauseMalformed, 14, 18},
		"invalid UTF-8":     {replace("Acme", "Ac\xffme"), soap.CauseMalformed, 14, 20},
		"character after ü": {replace("00D5g", "ü\x01"), soap.CauseMalformed, 5, 21},
		"DTD":               {replace("<soapenv:Env", `<!DOCTYPE x [<!ENTITY a "b">]><soapenv:Env`), soap.CauseForbidden, 2, 1},
		"entity":            {replace("00D5g", "&xxe;"), soap.CauseForbidden, 5, 20},
		"processing":        {replace("<soapenv:Body>", "<?php x?><soapenv:Body>"), soap.CauseForbidden, 3, 2},
		"encoding":          {replace("UTF-8", "ISO-8859-1"), soap.CauseEncoding, 1, 1},
		"SOAP 1.2":          {replace(soap.EnvelopeNS, soap.Envelope12NS), soap.CauseVersion, 2, 1},
		"wrong root":        {"<a/>", soap.CauseShape, 1, 1},
		"wrong namespace":   {replace("2005/09/outbound", "2006/04/metadata"), soap.CauseShape, 4, 3},
		"two envelopes":     {plain + plain[strings.Index(plain, "<soapenv"):], soap.CauseShape, 19, 20},
		"two declarations":  {plain + plain, soap.CauseForbidden, 19, 20},
		"two Bodies":        {replace("</soapenv:Body>", "</soapenv:Body><soapenv:Body/>"), soap.CauseShape, 18, 17},
		"two messages":      {replace("</soapenv:Body>", "<x/></soapenv:Body>"), soap.CauseShape, 18, 2},
		"text in a message": {replace("<ActionId>", "text<ActionId>"), soap.CauseShape, 6, 4},
		"element in an id":  {replace("<ActionId>", "<ActionId><b/>"), soap.CauseShape, 6, 14},
		"no Body":           {`<e:Envelope xmlns:e="` + soap.EnvelopeNS + `"/>`, soap.CauseShape, 1, 66},
		"no message":        {`<e:Envelope xmlns:e="` + soap.EnvelopeNS + `"><e:Body/></e:Envelope>`, soap.CauseShape, 1, 74},
		"no OrganizationId": {replace("<OrganizationId>00D5g00000ABCDEEA4</OrganizationId>", ""),
			soap.CauseIdentity, 17, 19},
		"empty OrganizationId":  {replace("00D5g00000ABCDEEA4", ""), soap.CauseIdentity, 17, 19},
		"two OrganizationIds":   {replace("<ActionId>", "<OrganizationId/><ActionId>"), soap.CauseShape, 6, 4},
		"no Notification Id":    {replace("<Id>04l1</Id>", ""), soap.CauseIdentity, 10, 4},
		"empty Notification Id": {replace("04l1", " "), soap.CauseIdentity, 10, 4},
		"long Notification Id":  {replace("04l1", strings.Repeat("x", 256)), soap.CauseIdentity, 10, 4},
		"long OrganizationId":   {replace("00D5g00000ABCDEEA4", strings.Repeat("x", 256)), soap.CauseIdentity, 17, 19},
		"long ActionId":         {replace("04k5g000000TestAAA", strings.Repeat("x", 256)), soap.CauseLimit, 6, 4},
		"long object type":      {replace(`"sf:Lead"`, `"sf:`+strings.Repeat("x", 256)+`"`), soap.CauseLimit, 12, 5},
		"long unbound type":     {replace(`"sf:Lead"`, `"no:`+strings.Repeat("x", 253)+`"`), soap.CauseLimit, 12, 5},
		"long record Id":        {replace("00Q5g000001LeadEAG", strings.Repeat("ü", 128)), soap.CauseLimit, 12, 5},
		"two sObjects":          {replace("</sObject>", "</sObject><sObject/>"), soap.CauseShape, 15, 15},
		"no Notification":       {envelope(), soap.CauseCount, 10, 19},
		"101 Notifications":     {envelope(many(101)...), soap.CauseCount, 710, 4},
		"33 deep":               {replace("<sf:Company>Acme</sf:Company>", nested(33)), soap.CauseLimit, 14, 168},
		"unbound prefix":        {replace("<sf:Company>", "<no:Company>"), soap.CauseMalformed, 14, 6},
		"attribute twice":       {replace("<sf:Company>", "<sf:Company a='1' a='2'>"), soap.CauseMalformed, 14, 24},
		"wrong end tag":         {replace("</sf:Company>", "</sf:Email>"), soap.CauseMalformed, 14, 22},
		"many children": {replace("<sf:Company>Acme</sf:Company>", strings.Repeat("<sf:A/>", 10_000)),
			soap.CauseLimit, 14, 6 + 7*9_999},
	}
}

func TestDecodeRejects(t *testing.T) {
	t.Parallel()
	for name, c := range rejections() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.check(t)
		})
	}
}

// check fails the test if Decode does not reject the body as c says, or if the oracle disagrees.
func (c rejection) check(t *testing.T) {
	t.Helper()
	compare(t, []byte(c.body))
	message, err := soap.Decode([]byte(c.body), types(t))
	var parse *soap.ParseError
	if !errors.As(err, &parse) || message != nil {
		t.Fatalf("got %v, %v; want only a *ParseError", message, err)
	}
	got := soap.ParseError{Cause: parse.Cause, Line: parse.Line, Column: parse.Column}
	want := soap.ParseError{Cause: c.cause, Line: c.line, Column: c.column}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", parse.Problem, diff)
	}
}

// TestDecodeErrorsContainNothingOfTheBody makes errors at every position of a body that contains a
// secret.
func TestDecodeErrorsContainNothingOfTheBody(t *testing.T) {
	t.Parallel()
	plain := envelope(notification("04l1", "<sf:Company>secret</sf:Company>"))
	plain = strings.ReplaceAll(plain, "xsi:nil=\"true\"", "secret='secret'")
	for i := range len(plain) {
		for _, text := range []string{"\xff", "&", "<", "<secret", "secret", "<?", "secret='", "]]>"} {
			_, err := soap.Decode([]byte(plain[:i]+text+plain[i:]), nil)
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Fatalf("the error %q quotes the body", err)
			}
		}
	}
}

// A prefix that fields had before is still looked up where its binding has ended or another holds.
func TestPrefixOfFieldsEndsWithItsBinding(t *testing.T) {
	t.Parallel()
	bound := notification("04l1", "<sf:City>A</sf:City>", "<sf:Company>B</sf:Company>")
	unbound := strings.Replace(bound, ` xmlns:sf="urn:sobject.enterprise.soap.sforce.com"`, "", 1)
	own := notification("04l2", `<q:City xmlns:q="urn:q">A</q:City>`, "<q:Company>B</q:Company>")
	for name, body := range map[string]string{
		"of another record": envelope(bound, unbound),
		"of a sibling":      envelope(own),
		"of a nested field": envelope(notification("04l3",
			`<sf:City><q:A xmlns:q="urn:q"><q:B/></q:A></sf:City>`, "<q:Company>B</q:Company>")),
	} {
		_, err := soap.Decode([]byte(body), types(t))
		e, ok := errors.AsType[*soap.ParseError](err)
		if !ok || e.Cause != soap.CauseMalformed {
			t.Errorf("%s: got %v, want it malformed", name, err)
		}
	}
	if _, err := soap.Decode([]byte(envelope(bound, bound)), types(t)); err != nil {
		t.Error(err)
	}
}
