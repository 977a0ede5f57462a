package simulate_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ackbox/simulate"
	"ackbox/soap"
)

// answer returns an envelope with that content in its Body.
func answer(body string) string {
	return `<e:Envelope xmlns:e="` + soap.EnvelopeNS + `" xmlns:o="` + soap.OutboundNS + `"><e:Body>` +
		body +
		`</e:Body></e:Envelope>`
}

func ackOf(value string) string {
	return answer(`<o:notificationsResponse><o:Ack>` + value + `</o:Ack></o:notificationsResponse>`)
}

// reasonOf returns the reason of a failure, or "" for nil.
func reasonOf(tb testing.TB, err error) string {
	tb.Helper()
	var failure *simulate.Failure
	if err != nil && !errors.As(err, &failure) {
		tb.Fatalf("got the error %v, want a *simulate.Failure", err)
	}
	if failure == nil {
		return ""
	}
	if failure.Detail == "" {
		tb.Errorf("%s: no detail", failure.Reason)
	}
	return failure.Reason
}

func TestReadAck(t *testing.T) {
	t.Parallel()
	good := ackOf("true")
	for name, test := range map[string]struct {
		status int
		body   string
		want   string
	}{
		"the Ack of ackbox":           {200, soap.Ack, ""},
		"prefixes":                    {200, good, ""},
		"1":                           {200, ackOf("1"), ""},
		"white space around the true": {200, ackOf(" \n\ttrue\r\n"), ""},
		"a comment in the true":       {200, ackOf("tr<!-- x -->ue"), ""},
		"declaration": {200, `<?xml version="1.0" encoding="utf-8" ?>` + "\n" + good +
			"\n", ""},
		"white space at first": {200, "\n   " + good + "\n ", ""},
		"an empty Header": {200,
			strings.Replace(good, "<e:Body>", "<e:Header/><e:Body>", 1), ""},
		"a full Header": {200,
			strings.Replace(good, "<e:Body>", `<e:Header><a x="1">b<c/></a></e:Header><e:Body>`, 1), ""},

		"false":        {200, ackOf("false"), simulate.ReasonNack},
		"0":            {200, ackOf(" 0 "), simulate.ReasonNack},
		"false in 500": {500, ackOf("false"), simulate.ReasonNack},

		"empty":           {200, "", simulate.ReasonEmpty},
		"white space":     {200, " \n", simulate.ReasonEmpty},
		"no content":      {204, "", simulate.ReasonEmpty},
		"plain text":      {200, "OK", simulate.ReasonProlog},
		"JSON":            {200, `{"ok":true}`, simulate.ReasonProlog},
		"text before":     {200, "OK " + soap.Ack, simulate.ReasonProlog},
		"byte order mark": {200, "\uFEFF" + soap.Ack, simulate.ReasonProlog},
		"HTML":            {200, "<!DOCTYPE html><html><body>Hi</body></html>", simulate.ReasonProlog},
		"HTML without a DTD": {502, "<html><body><h1>Bad Gateway</h1></body></html>",
			simulate.ReasonProlog},
		"redirect":         {302, "", simulate.ReasonProlog},
		"redirect and Ack": {301, good, simulate.ReasonProlog},
		"login challenge":  {401, good, simulate.ReasonProlog},

		"space before the declaration": {200, "\n" + `<?xml version="1.0"?>` + good, simulate.ReasonXML},
		"cut off":                      {200, good[:len(good)-5], simulate.ReasonXML},
		"invalid UTF-8":                {200, ackOf("true\xff"), simulate.ReasonXML},
		"another encoding": {200, `<?xml version="1.0" encoding="latin1"?>` + good,
			simulate.ReasonXML},
		"duplicate attribute": {200,
			strings.Replace(good, "<e:Body>", `<e:Body a="1" a="2">`, 1), simulate.ReasonXML},
		"unbound prefix": {200,
			strings.Replace(good, "<e:Body>", `<e:Header><x:y/></e:Header><e:Body>`, 1), simulate.ReasonXML},
		"unbound prefix of an attribute": {200,
			strings.Replace(good, "<e:Body>", `<e:Body x:y="1">`, 1), simulate.ReasonXML},

		"created":      {201, good, simulate.ReasonStatus},
		"accepted":     {202, good, simulate.ReasonStatus},
		"server error": {500, good, simulate.ReasonStatus},
		"Fault":        {500, string(soap.Fault(soap.FaultServer, "later")), simulate.ReasonFault},
		"Fault in 200": {200, string(soap.Fault(soap.FaultClient, "no")), simulate.ReasonFault},
		"wrong element": {200,
			answer("<o:notifications><o:Ack>true</o:Ack></o:notifications>"), simulate.ReasonNoAck},
		"Ack without its parent": {200, answer("<o:Ack>true</o:Ack>"), simulate.ReasonNoAck},
		"Ack without namespace": {200,
			answer("<o:notificationsResponse><Ack>true</Ack></o:notificationsResponse>"),
			simulate.ReasonNoAck},
		"SOAP 1.2": {200,
			strings.Replace(good, soap.EnvelopeNS, soap.Envelope12NS, 1), simulate.ReasonNoAck},
		"no envelope": {200, `<Ack xmlns="http://soap.sforce.com/2005/09/outbound">true</Ack>`,
			simulate.ReasonNoAck},
		"empty Body":    {200, answer(""), simulate.ReasonNoAck},
		"no Ack":        {200, answer("<o:notificationsResponse/>"), simulate.ReasonNoAck},
		"empty Ack":     {200, ackOf(""), simulate.ReasonNoAck},
		"text":          {200, ackOf("Missing field"), simulate.ReasonNoAck},
		"upper case":    {200, ackOf("TRUE"), simulate.ReasonNoAck},
		"element in it": {200, ackOf("<b>true</b>"), simulate.ReasonNoAck},
		"two Acks": {200,
			answer("<o:notificationsResponse><o:Ack>true</o:Ack><o:Ack>false</o:Ack></o:notificationsResponse>"),
			simulate.ReasonNoAck},
		"text around": {200,
			strings.Replace(good, "<e:Body>", "<e:Body>ok", 1), simulate.ReasonNoAck},
		"text after":    {200, good + "ok", simulate.ReasonNoAck},
		"two envelopes": {200, good + good, simulate.ReasonNoAck},
		"two Bodies": {200, strings.Replace(good, "</e:Body>", "</e:Body><e:Body/>", 1),
			simulate.ReasonNoAck},
		"instruction": {200, "<?php echo ?>" + good, simulate.ReasonNoAck},
		"a DTD":       {200, `<!ENTITY x "y">` + good, simulate.ReasonNoAck},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := simulate.ReadAck(test.status, "text/xml", []byte(test.body))
			if got := reasonOf(t, err); got != test.want {
				t.Errorf("got %q (%v), want %q", got, err, test.want)
			}
		})
	}
}

func TestReasonsAreThoseOfSalesforce(t *testing.T) {
	t.Parallel()
	const prolog = "org.xml.sax.SAXParseException; lineNumber: 1; columnNumber: 1; Content is not allowed in prolog."
	if got := reasonOf(t, simulate.ReadAck(200, "application/json", []byte(`{}`))); got != prolog {
		t.Errorf("JSON: %q", got)
	}
	if got := reasonOf(t, simulate.ReadAck(200, "",
		[]byte(ackOf("false")))); got != "SOAP response was a nack" {
		t.Errorf("Ack false: %q", got)
	}
}

func TestFailureDescribesTheAnswerWithoutItsBody(t *testing.T) {
	t.Parallel()
	err := simulate.ReadAck(302, "text/html", []byte("<p>secret</p>"))
	for _, want := range []string{"302", "text/html", "13 bytes", "final URL"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("%q quotes the body", err)
	}
}

func TestAckReaderOptions(t *testing.T) {
	t.Parallel()
	reader := simulate.AckReader{AnyStatus: true, AnyElement: true}
	body := []byte(answer("<o:notifications><o:Ack>1</o:Ack></o:notifications>"))
	if err := reader.Read(500, "", body); err != nil {
		t.Error(err)
	}
	if got := reasonOf(t, reader.Read(500, "", []byte(ackOf("false")))); got != simulate.ReasonNack {
		t.Errorf("Ack false: %q", got)
	}
}

// TestReadAckOfPublishedListeners reads the answers of published listeners. ACKBOX_CORPUS names
// their folder.
func TestReadAckOfPublishedListeners(t *testing.T) {
	t.Parallel()
	folder := os.Getenv("ACKBOX_CORPUS")
	if folder == "" {
		t.Skip("ACKBOX_CORPUS does not name the folder of published responses")
	}
	want := map[string]string{
		// Several listeners answer like this. Whether Salesforce accepts it is unknown; ReadAck
		// does not.
		"ack_1_notifications_element_pacificbath.xml":       simulate.ReasonNoAck,
		"ack_true_notifications_element_bradbumbalough.xml": simulate.ReasonNoAck,
		"ack_false_amplabs.xml":                             simulate.ReasonNack,
		"ack_false_out_prefix.xml":                          simulate.ReasonNack,
		"ack_text_not_boolean_stackexchange.xml":            simulate.ReasonNoAck,
		"ack_true_SOAP-ENV_ns1_comsave.xml":                 "",
		"ack_true_amplabs.xml":                              "",
		"ack_true_aspnetwebhooks.xml":                       "",
		"ack_true_leading_newline_patnaikshekhar.xml":       "",
		"ack_true_leading_newline_tehnrd.xml":               "",
		"ack_true_out_prefix.xml":                           "",
		"ack_true_perl.xml":                                 "",
		"ack_true_salesforce_help.xml":                      "",
		"ack_true_soap_prefix_moodle.xml":                   "",
		"ack_true_soapxml_contenttype_lekkimworld.xml":      "",
		"empty_200_ejangi.txt":                              simulate.ReasonEmpty,
		"fault_client_400_aspnetwebhooks.xml":               simulate.ReasonFault,
		"json_400_comsave.json":                             simulate.ReasonProlog,
		"plain_ok_200_hookshot.txt":                         simulate.ReasonProlog,
	}
	paths, err := filepath.Glob(filepath.Join(folder, "responses", "*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no responses in ACKBOX_CORPUS=%s (%v)", folder, err)
	}
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		status := 200
		if strings.Contains(path, "_400_") {
			status = 400
		}
		reason, known := want[filepath.Base(path)]
		if got := reasonOf(t, simulate.ReadAck(status, "", body)); got != reason || !known {
			t.Errorf("%s: got %q, want %q (known: %t)", filepath.Base(path), got, reason, known)
		}
	}
}

// acks is an independent check of the rule on the whole tree. It must accept all that ReadAck
// accepts.
func acks(body []byte) error {
	var e struct {
		XMLName xml.Name
		Bodies  []struct {
			XMLName  xml.Name
			Children []struct {
				XMLName  xml.Name
				Children []struct {
					XMLName xml.Name
					Text    string `xml:",chardata"`
				} `xml:",any"`
			} `xml:",any"`
		} `xml:",any"`
	}
	decoder := xml.NewDecoder(bytes.NewReader(body))
	if err := decoder.Decode(&e); err != nil {
		return err
	}
	if _, err := decoder.Token(); err == nil {
		if _, err = decoder.Token(); !errors.Is(err, io.EOF) && !bytes.Contains(body, []byte("<!--")) {
			return fmt.Errorf("there is content after the envelope: %w", err)
		}
	}
	if e.XMLName != (xml.Name{Space: soap.EnvelopeNS, Local: "Envelope"}) || len(e.Bodies) == 0 {
		return errors.New("no envelope")
	}
	last := e.Bodies[len(e.Bodies)-1]
	if last.XMLName != (xml.Name{Space: soap.EnvelopeNS, Local: "Body"}) || len(last.Children) != 1 {
		return errors.New("no Body with one element")
	}
	response := last.Children[0]
	wanted := xml.Name{Space: soap.OutboundNS, Local: "notificationsResponse"}
	if response.XMLName != wanted || len(response.Children) != 1 {
		return errors.New("no notificationsResponse with one element")
	}
	ack := response.Children[0]
	if text := strings.TrimSpace(ack.Text); ack.XMLName.Local != "Ack" || text != "true" &&
		text != "1" {
		return errors.New("no Ack of true")
	}
	return nil
}

func FuzzReadAck(f *testing.F) {
	f.Add(200, []byte(soap.Ack))
	f.Add(200, []byte(ackOf("1")))
	f.Add(200, []byte(ackOf("false")))
	f.Add(500, soap.Fault(soap.FaultServer, "x"))
	f.Add(200, []byte(answer("<!-- x --><o:notificationsResponse/>")))
	f.Add(200, []byte(`{"ok":true}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		err := simulate.ReadAck(status, "text/xml", body)
		if reason := reasonOf(t, err); err != nil && reason == "" {
			t.Error("a failure without a reason")
		}
		if err != nil {
			return
		}
		if status != 200 {
			t.Errorf("an Ack under status %d was accepted", status)
		}
		if err := acks(body); err != nil {
			t.Errorf("ReadAck accepted %q: %v", body, err)
		}
	})
}
