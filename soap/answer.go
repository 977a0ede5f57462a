package soap

import (
	"bytes"
	"encoding/xml"
)

// Ack is the only answer that makes Salesforce remove a message from its queue, with all its
// notifications. It is the same, byte for byte, for every message. See salesforce.com help
// 000381752 for the accepted form.
const Ack = `<?xml version="1.0" encoding="UTF-8"?>` +
	`<soapenv:Envelope xmlns:soapenv="` + EnvelopeNS + `"><soapenv:Body>` +
	`<notificationsResponse xmlns="` + OutboundNS + `"><Ack>true</Ack></notificationsResponse>` +
	`</soapenv:Body></soapenv:Envelope>`

// FaultCode is the faultcode of a SOAP 1.1 Fault (section 4.4.1), which says whose error it is.
type FaultCode string

// The fault codes that a listener needs.
const (
	// FaultClient is for a message that must not be sent again unchanged.
	FaultClient FaultCode = "soapenv:Client"
	// FaultServer is for an error of the listener. The same message may be accepted later.
	FaultServer FaultCode = "soapenv:Server"
)

// Fault returns a response body with a SOAP 1.1 Fault. Salesforce treats it as a failed delivery
// and retries.
func Fault(code FaultCode, reason string) []byte {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` +
		`<soapenv:Envelope xmlns:soapenv="` + EnvelopeNS + `">` +
		`<soapenv:Body><soapenv:Fault><faultcode>` + string(code) + `</faultcode><faultstring>`)
	_ = xml.EscapeText(&b, []byte(reason)) // writing to a bytes.Buffer cannot fail
	b.WriteString(`</faultstring></soapenv:Fault></soapenv:Body></soapenv:Envelope>`)
	return b.Bytes()
}
