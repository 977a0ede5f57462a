package simulate

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"ackbox/internal/text"
	"ackbox/soap"
)

// The reasons of a [Failure]. The first two are the exact texts that Salesforce shows as Delivery
// Failure Reason in Setup (help 000381752). The next group are the messages of the Java parser and
// HTTP client that these texts come from. The last group are our own, because Salesforce's texts
// are not documented.
const (
	// ReasonNack is an Ack that says false.
	ReasonNack = "SOAP response was a nack"
	// ReasonProlog is a body that is not XML: plain text, HTML, JSON, an error page, a redirect, a
	// login page.
	ReasonProlog = saxAt + "Content is not allowed in prolog."

	// ReasonEmpty is an empty body, under any status.
	ReasonEmpty = saxAt + "Premature end of file."
	// ReasonXML is a body that begins like XML and is not well-formed.
	ReasonXML = "org.xml.sax.SAXParseException"
	// ReasonTimeout is an answer that was not complete within the time limit.
	ReasonTimeout = "java.net.SocketTimeoutException: Read timed out"
	// ReasonRefused is a refused connection.
	ReasonRefused = "java.net.ConnectException: Connection refused"
	// ReasonReset is a connection that was closed before the answer was complete.
	ReasonReset = "java.net.SocketException: Connection reset"
	// ReasonHost is a host name that cannot be resolved.
	ReasonHost = "java.net.UnknownHostException"
	// ReasonTLS is a failed TLS handshake, because of a certificate that is untrusted, expired or
	// for another host, for example.
	ReasonTLS = "javax.net.ssl.SSLHandshakeException"

	// ReasonFault is a SOAP Fault.
	ReasonFault = "SOAP response was a fault"
	// ReasonNoAck is XML that is not the envelope of a notificationsResponse whose Ack is an
	// xsd:boolean.
	ReasonNoAck = "SOAP response holds no Ack"
	// ReasonStatus is an Ack under a status other than 200.
	ReasonStatus = "HTTP status is not 200"
	// ReasonConnection is any other error of the connection.
	ReasonConnection = "connection failed"
	// ReasonLostAck is an Ack that arrived and that the [Sender] discarded, as
	// SenderOptions.LostAck demands.
	ReasonLostAck = "the Ack was lost"

	saxAt = "org.xml.sax.SAXParseException; lineNumber: 1; columnNumber: 1; "
)

// Failure is the error of a delivery without an Ack. The message stays in the queue.
type Failure struct {
	// Reason is one of the Reason constants, so that failures can be counted by it.
	Reason string
	// Detail describes what happened and what to do about it. It contains nothing of the answer's
	// body; Fault does.
	Detail string
	// Status is the HTTP status; 0 if there was no answer.
	Status int
	// Fault is the faultstring of a SOAP Fault, or "": what the listener says, in one printable line
	// of at most 300 bytes. It is not part of the error's text.
	Fault string
	// Err is the underlying error; nil for an answer that was read and is not an Ack.
	Err error
}

// Error returns the reason and the detail.
func (f *Failure) Error() string { return f.Reason + " (" + f.Detail + ")" }

// Unwrap returns Err.
func (f *Failure) Unwrap() error { return f.Err }

// ReadAck returns nil if an answer makes Salesforce remove the message from its queue, and a
// *[Failure] otherwise. The status must be 200 and the body a SOAP 1.1 envelope whose Body holds
// notificationsResponse with an Ack of true or 1. The Content-Type is only reported in the Detail,
// because listeners in production send any. Not documented: what a byte order mark does. It is
// rejected here with ReasonProlog, as by many Java parsers.
func ReadAck(status int, contentType string, body []byte) error {
	return (&AckReader{}).Read(status, contentType, body)
}

// AckReader accepts more answers than [ReadAck]. Not documented: whether Salesforce does. A
// listener should not rely on it.
type AckReader struct {
	// AnyStatus accepts an Ack under any status.
	AnyStatus bool
	// AnyElement accepts an Ack whose parent has another name than notificationsResponse: several
	// published listeners answer with notifications.
	AnyElement bool
}

// Read is like [ReadAck], with the options of r.
func (r *AckReader) Read(status int, contentType string, body []byte) error {
	failure := r.readBody(body)
	if failure == nil && status != http.StatusOK && !r.AnyStatus {
		failure = &Failure{Reason: ReasonStatus, Detail: "only status 200 counts; send the Ack with it"}
	}
	if failure == nil {
		return nil
	}
	failure.Status = status
	if contentType == "" {
		contentType = "no Content-Type"
	}
	failure.Detail = fmt.Sprintf("HTTP %d, %s, %s: %s", status, contentType,
		text.Count(len(body), "byte", "bytes"), failure.Detail)
	if advice := statusAdvice(status); advice != "" {
		failure.Reason = ReasonProlog // help 000381752
		failure.Detail += "; " + advice
	}
	return failure
}

// statusAdvice returns what to do about a status that Salesforce does not handle, or "".
func statusAdvice(status int) string {
	switch {
	case 300 <= status && status <= 399:
		return "Salesforce does not follow redirects; put the final URL into Setup"
	case status == http.StatusUnauthorized || status == http.StatusProxyAuthRequired:
		return "Salesforce does not answer login challenges; accept its requests without a login"
	}
	return ""
}

func (r *AckReader) readBody(body []byte) *Failure {
	start := bytes.TrimLeft(body, xmlSpace)
	switch {
	case len(start) == 0:
		return &Failure{Reason: ReasonEmpty, Detail: "the body is empty; answer with the Ack"}
	case start[0] != '<' || looksLikeHTML(start):
		return &Failure{
			Reason: ReasonProlog, Detail: "the body is not XML; answer with the Ack and nothing else",
		}
	case len(start) < len(body) && bytes.HasPrefix(start, []byte("<?xml")):
		return &Failure{
			Reason: ReasonXML, Detail: "there is white space before the XML declaration; remove it",
		}
	}
	a := ackParser{decoder: xml.NewDecoder(bytes.NewReader(body)), reader: r}
	return a.parse()
}

const xmlSpace = " \t\r\n"

// looksLikeHTML reports whether a body begins like a web page, which Salesforce reports like plain
// text.
func looksLikeHTML(body []byte) bool {
	start := strings.ToLower(string(body[:min(len(body), 9)]))
	return strings.HasPrefix(start, "<!doctype") || strings.HasPrefix(start, "<html")
}

// errDone reports the end of an element or of the document.
var errDone = errors.New("done")

// ackParser parses one answer with encoding/xml, and rejects what that is too lenient about.
type ackParser struct {
	decoder    *xml.Decoder
	reader     *AckReader
	namespaces []string // declared so far
}

func (p *ackParser) parse() *Failure {
	if err := p.expect(soap.EnvelopeNS, "Envelope"); err != nil {
		return failureOf(err)
	}
	ack, err := p.envelope()
	if err == nil {
		_, err = p.child()
		if errors.Is(err, io.EOF) {
			err = nil
		} else if err == nil {
			err = noAck("there is content after the envelope")
		}
	}
	switch {
	case err != nil:
		return failureOf(err)
	case !ack:
		return &Failure{Reason: ReasonNack, Detail: "the Ack is false, which refuses the whole message"}
	}
	return nil
}

// failureOf returns the Failure for an error of encoding/xml.
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
		detail := fmt.Sprintf("the body is not well-formed at line %d", syntax.Line)
		return &Failure{Reason: ReasonXML, Detail: detail}
	}
	return &Failure{Reason: ReasonXML, Detail: "the body cannot be read as XML in UTF-8"}
}

func noAck(what string) *Failure {
	return &Failure{Reason: ReasonNoAck, Detail: what +
		"; answer with a SOAP 1.1 envelope whose Body holds notificationsResponse with <Ack>true</Ack>"}
}

// envelope parses Header and Body up to the end of the Envelope.
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
		return false, noAck("the envelope has no Body, or another element before it")
	}
	if ack, err = p.body(); err != nil {
		return false, err
	}
	return ack, p.end()
}

// body parses the only element of the Body and its only Ack.
func (p *ackParser) body() (ack bool, err error) {
	start, err := p.child()
	switch {
	case err != nil:
		return false, err
	case start.Name == (xml.Name{Space: soap.EnvelopeNS, Local: "Fault"}):
		return false, &Failure{Reason: ReasonFault, Fault: p.faultString(),
			Detail: "the listener answers with a Fault; see its log"}
	case start.Name.Space != soap.OutboundNS,
		start.Name.Local != "notificationsResponse" && !p.reader.AnyElement:
		return false, noAck("the Body holds an element other than notificationsResponse of " +
			soap.OutboundNS)
	}
	if err = p.expect(soap.OutboundNS, "Ack"); err != nil {
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
