package doctor

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"ackbox/internal/text"
	"ackbox/simulate"
	"ackbox/soap"
)

// reading is how Salesforce reads an answer.
type reading struct {
	reason string // the Delivery Failure Reason; "" for the Ack
	what   string // a short description, without anything of the body
	todo   string
}

const (
	onlyAck = "answer with the SOAP Ack and nothing else"
	other   = onlyAck + "; perhaps something in front of the listener answers in its place: a " +
		"proxy, a login page, an error page"
)

// read reads an answer as strictly as Salesforce does.
func (a *answer) read() reading {
	if len(a.body) > maxAnswer {
		return reading{simulate.ReasonNoAck, "longer than any Ack", onlyAck}
	}
	failure, _ := errors.AsType[*simulate.Failure](simulate.ReadAck(a.status, "", a.body))
	if failure == nil {
		return reading{what: "the Ack"}
	}
	r := reading{reason: failure.Reason, what: "XML that is not well-formed", todo: onlyAck}
	if what, todo := notXML(a.body); what != "" {
		r.what, r.todo = what, todo
		return r
	}
	switch failure.Reason {
	case simulate.ReasonNack:
		r.what, r.todo = "an Ack that says false",
			"find out from the listener's log why it refuses the message"
	case simulate.ReasonFault:
		r.what, r.todo = "a Fault", "find out from the listener's log why it refuses the message"
	case simulate.ReasonStatus:
		r.what, r.todo = "the Ack, under a status other than 200",
			"answer 200 with it: no other status is sure to count"
	case simulate.ReasonNoAck:
		r.what, r.todo = otherXML(a.body)
	}
	return r
}

var byteOrderMark = []byte("\ufeff")

// notXML describes a body that is not XML to any parser; it returns "" for the others.
func notXML(body []byte) (what, todo string) {
	const space = " \t\r\n"
	text := bytes.TrimLeft(body, space)
	start := strings.ToLower(string(text[:min(len(text), 9)]))
	switch {
	case len(text) == 0:
		return "an empty body", onlyAck
	case bytes.HasPrefix(body, byteOrderMark):
		return "a byte order mark before the XML",
			"write the answer without one: save its template as UTF-8 without BOM"
	case strings.HasPrefix(start, "<!doctype"), strings.HasPrefix(start, "<html"):
		return "a web page", other
	case len(text) < len(body) && strings.HasPrefix(start, "<?xml"):
		return "white space before the XML declaration",
			"begin the answer with <?xml, or omit the declaration"
	case text[0] == '<':
		return "", ""
	case bytes.Contains(text, []byte("Envelope")):
		return "other text before the XML", "write nothing before the XML: look for debug output and " +
			"warnings"
	case text[0] == '{', text[0] == '[':
		return "JSON", other
	}
	return "plain text", other
}

// otherXML describes XML that is not the Ack.
func otherXML(body []byte) (what, todo string) {
	lenient := simulate.AckReader{AnyElement: true}
	const envelope = "a SOAP 1.1 envelope whose Body holds notificationsResponse with <Ack>true</Ack>"
	if lenient.Read(http.StatusOK, "", body) == nil {
		return "an Ack inside an element other than notificationsResponse", "name the element " +
			"notificationsResponse, as the WSDL does: Salesforce does not document that it accepts another"
	}
	return "XML, but not the Ack", "answer with " + envelope
}

// describe returns the status, media type, size and description of an answer.
func (a *answer) describe(r reading) string {
	media, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	switch {
	case media == "":
		media = "no Content-Type"
	case err != nil:
		media = "an invalid Content-Type"
	}
	size := text.Count(len(a.body), "byte", "bytes")
	if len(a.body) > maxAnswer {
		size = fmt.Sprintf("over %d bytes", maxAnswer)
	}
	return fmt.Sprintf("HTTP %d, %s, %s: %s", a.status, printable(media), size, r.what)
}

// ackbox is the name of our own listener in a report.
const ackbox = "ackbox"

// listenerOf returns the name of the software that answered: ackbox by its Fault, any other by its
// Server header.
func listenerOf(a *answer) string {
	for _, code := range []soap.FaultCode{soap.FaultClient, soap.FaultServer} {
		before, after, _ := bytes.Cut(soap.Fault(code, "|"), []byte("|"))
		if bytes.HasPrefix(a.body, before) && bytes.HasSuffix(a.body, after) {
			return ackbox
		}
	}
	return printable(a.header.Get("Server"))
}
