package soap

import (
	"bytes"
	"encoding/xml"
)

// Ack is the one answer that makes Salesforce drop the message from its queue, for all its notifications at once.
// It is the same, byte for byte, every time. See salesforce.com help 000381752 for the accepted form.
const Ack = `<?xml version="1.0" encoding="UTF-8"?>` +
	`<soapenv:Envelope xmlns:soapenv="` + EnvelopeNS + `"><soapenv:Body>` +
	`<notificationsResponse xmlns="` + OutboundNS + `"><Ack>true</Ack></notificationsResponse>` +
	`</soapenv:Body></soapenv:Envelope>`

// FaultCode says whose fault it is, in SOAP 1.1's words (section 4.4.1).
type FaultCode string

// The codes that a listener needs.
const (
	// FaultClient is a message that must not come again as it is.
	FaultClient FaultCode = "soapenv:Client"
	// FaultServer is trouble of ours: the same message may be accepted later.
	FaultServer FaultCode = "soapenv:Server"
)

// Fault is a SOAP 1.1 Fault as a whole body. Salesforce takes it for a failed delivery and tries again.
func Fault(code FaultCode, reason string) []byte {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="` + EnvelopeNS + `">` +
		`<soapenv:Body><soapenv:Fault><faultcode>` + string(code) + `</faultcode><faultstring>`)
	_ = xml.EscapeText(&b, []byte(reason)) // a bytes.Buffer takes everything
	b.WriteString(`</faultstring></soapenv:Fault></soapenv:Body></soapenv:Envelope>`)
	return b.Bytes()
}
