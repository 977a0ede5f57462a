package simulate

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"ackbox/soap"
)

// The reasons of a [Failure]. The first two are word for word what Salesforce shows under Delivery Failure Reason in
// Setup (help 000381752). The next are what the parser and the HTTP client that its words come from say; the last are
// ours, as Salesforce's words for them are not documented.
const (
	// ReasonNack is an Ack that says false.
	ReasonNack = "SOAP response was a nack"
	// ReasonProlog is a body that is no XML: plain text, HTML, JSON, an error page, a redirect, a login page.
	ReasonProlog = saxAt + "Content is not allowed in prolog."

	// ReasonEmpty is a body without a byte in it, whatever the status.
	ReasonEmpty = saxAt + "Premature end of file."
	// ReasonXML is a body that starts as XML and is not well-formed.
	ReasonXML = "org.xml.sax.SAXParseException"
	// ReasonTimeout is an answer that was not complete within the time limit.
	ReasonTimeout = "java.net.SocketTimeoutException: Read timed out"
	// ReasonRefused is a listener that does not listen.
	ReasonRefused = "java.net.ConnectException: Connection refused"
	// ReasonReset is a connection that was closed before the answer was complete.
	ReasonReset = "java.net.SocketException: Connection reset"
	// ReasonHost is a host name that nobody knows.
	ReasonHost = "java.net.UnknownHostException"
	// ReasonTLS is a TLS handshake that failed: a certificate that is not trusted, expired or of another host.
	ReasonTLS = "javax.net.ssl.SSLHandshakeException"

	// ReasonFault is a SOAP Fault.
	ReasonFault = "SOAP response was a fault"
	// ReasonNoAck is XML, but not the envelope of a notificationsResponse with an Ack that is an xsd:boolean.
	ReasonNoAck = "SOAP response holds no Ack"
	// ReasonStatus is an Ack under another status than 200.
	ReasonStatus = "HTTP status is not 200"
	// ReasonConnection is any other trouble with the connection.
	ReasonConnection = "connection failed"
	// ReasonLostAck is an Ack that arrived and that the [Sender] was told to lose.
	ReasonLostAck = "the Ack was lost"

	saxAt = "org.xml.sax.SAXParseException; lineNumber: 1; columnNumber: 1; "
)

// Failure is why a delivery does not count. The message stays in the queue.
type Failure struct {
	// Reason is one of the Reason constants, so that failures can be counted by it.
	Reason string
	// Detail is what happened and what to do about it. Nothing of the answer's body is in it.
	Detail string
	// Status is the HTTP status, 0 without an answer.
	Status int
	// Err is what went wrong underneath, nil for an answer that was read and refused.
	Err error
}

// Error gives the reason and the detail.
func (f *Failure) Error() string { return f.Reason + " (" + f.Detail + ")" }

// Unwrap gives Err.
func (f *Failure) Unwrap() error { return f.Err }

// ReadAck tells whether an answer makes Salesforce drop the message from its queue: nil, or a *[Failure]. It counts
// only when the status is 200 and the body a SOAP 1.1 envelope whose Body holds notificationsResponse with an Ack of
// true or 1. The Content-Type does not matter: listeners at work answer with anything. It is named in the Detail. Not
// documented is what a byte order mark does: it is refused here, as by the many Java readers that say ReasonProlog of
// it.
func ReadAck(status int, contentType string, body []byte) error {
	return (&AckReader{}).Read(status, contentType, body)
}

// AckReader reads answers with more patience than [ReadAck]. Not documented is whether Salesforce has it; a listener
// should not need it.
type AckReader struct {
	// AnyStatus takes an Ack under any status.
	AnyStatus bool
	// AnyElement takes an Ack whose parent is called something else than notificationsResponse: several published
	// listeners answer with notifications.
	AnyElement bool
}

// Read is [ReadAck] with the reader's patience.
func (r *AckReader) Read(status int, contentType string, body []byte) error {
	failure := r.readBody(body)
	if failure == nil && status != http.StatusOK && !r.AnyStatus {
		failure = &Failure{Reason: ReasonStatus, Detail: "answer 200 with the Ack, nothing else counts"}
	}
	if failure == nil {
		return nil
	}
	failure.Status = status
	if contentType == "" {
		contentType = "no Content-Type"
	}
	failure.Detail = fmt.Sprintf("HTTP %d, %s, %d bytes: %s", status, contentType, len(body), failure.Detail)
	if advice := statusAdvice(status); advice != "" {
		failure.Reason = ReasonProlog // what Salesforce says of them, help 000381752
		failure.Detail += "; " + advice
	}
	return failure
}

// statusAdvice is what to do about a status that Salesforce does not handle.
func statusAdvice(status int) string {
	switch {
	case 300 <= status && status <= 399:
		return "redirects are not followed, put the final URL into Setup"
	case status == http.StatusUnauthorized || status == http.StatusProxyAuthRequired:
		return "login challenges are not answered, let the listener do without one"
	}
	return ""
}

func (r *AckReader) readBody(body []byte) *Failure {
	text := bytes.TrimLeft(body, xmlSpace)
	switch {
	case len(text) == 0:
		return &Failure{Reason: ReasonEmpty, Detail: "the body is empty, answer with the Ack"}
	case text[0] != '<' || looksLikeHTML(text):
		return &Failure{Reason: ReasonProlog, Detail: "the body is not XML, answer with nothing but the Ack"}
	case len(text) < len(body) && bytes.HasPrefix(text, []byte("<?xml")):
		return &Failure{Reason: ReasonXML, Detail: "nothing may stand before an XML declaration, not even white space"}
	}
	a := ackParser{decoder: xml.NewDecoder(bytes.NewReader(body)), reader: r}
	return a.parse()
}

const xmlSpace = " \t\r\n"

// looksLikeHTML tells whether a page came, for which Salesforce says the same as for plain text.
func looksLikeHTML(text []byte) bool {
	start := strings.ToLower(string(text[:min(len(text), 9)]))
	return strings.HasPrefix(start, "<!doctype") || strings.HasPrefix(start, "<html")
}

// errDone is the end of an element or of the document.
var errDone = errors.New("done")

// ackParser reads one answer with encoding/xml, and refuses what that is too lenient about.
type ackParser struct {
	decoder    *xml.Decoder
	reader     *AckReader
	namespaces []string // that were declared so far
}

func (p *ackParser) parse() *Failure {
	if err := p.only(soap.EnvelopeNS, "Envelope"); err != nil {
		return failureOf(err)
	}
	ack, err := p.envelope()
	if err == nil {
		_, err = p.child()
		if errors.Is(err, io.EOF) {
			err = nil
		} else if err == nil {
			err = noAck("something follows the envelope")
		}
	}
	switch {
	case err != nil:
		return failureOf(err)
	case !ack:
		return &Failure{Reason: ReasonNack, Detail: "the listener says false, which refuses the whole message"}
	}
	return nil
}

// failureOf turns what encoding/xml says into Salesforce's words.
func failureOf(err error) *Failure {
	var failure *Failure
	if errors.As(err, &failure) {
		return failure
	}
	if errors.Is(err, errDone) || errors.Is(err, io.EOF) {
		return noAck("an element is missing")
	}
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		detail := fmt.Sprintf("the body is not well-formed, see its line %d", syntax.Line)
		return &Failure{Reason: ReasonXML, Detail: detail}
	}
	return &Failure{Reason: ReasonXML, Detail: "the body cannot be read as XML in UTF-8"}
}

func noAck(what string) *Failure {
	return &Failure{Reason: ReasonNoAck, Detail: what +
		", answer with a SOAP 1.1 envelope whose Body holds notificationsResponse with <Ack>true</Ack>"}
}

// envelope reads Header and Body up to the end of the Envelope.
func (p *ackParser) envelope() (ack bool, err error) {
	start, err := p.child()
	if err == nil && start.Name == (xml.Name{Space: soap.EnvelopeNS, Local: "Header"}) {
		if err = p.skip(); err == nil {
			start, err = p.child()
		}
	}
	if err != nil {
		return false, err
	}
	if start.Name != (xml.Name{Space: soap.EnvelopeNS, Local: "Body"}) {
		return false, noAck("the envelope has no Body where one belongs")
	}
	if ack, err = p.body(); err != nil {
		return false, err
	}
	return ack, p.end()
}

// body reads the one element of the Body and its one Ack.
func (p *ackParser) body() (ack bool, err error) {
	start, err := p.child()
	switch {
	case err != nil:
		return false, err
	case start.Name == (xml.Name{Space: soap.EnvelopeNS, Local: "Fault"}):
		return false, &Failure{Reason: ReasonFault, Detail: "the listener answers with a Fault, its log should say why"}
	case start.Name.Space != soap.OutboundNS,
		start.Name.Local != "notificationsResponse" && !p.reader.AnyElement:
		return false, noAck("the Body holds another element than notificationsResponse of " + soap.OutboundNS)
	}
	if err = p.only(soap.OutboundNS, "Ack"); err != nil {
		return false, err
	}
	if ack, err = p.boolean(); err != nil {
		return false, err
	}
	if err = p.end(); err != nil {
		return false, err
	}
	return ack, p.end()
}
