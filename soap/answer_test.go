package soap_test

import (
	"encoding/xml"
	"strings"
	"testing"

	"ackbox/soap"
	"ackbox/soap/sobject/lead"
)

// TestAckMatchesTheWSDL decodes the Ack with the type that is generated for it.
func TestAckMatchesTheWSDL(t *testing.T) {
	t.Parallel()
	var e struct {
		XMLName xml.Name `xml:"http://schemas.xmlsoap.org/soap/envelope/ Envelope"`
		Body    struct {
			Response lead.NotificationsResponse
		} `xml:"http://schemas.xmlsoap.org/soap/envelope/ Body"`
	}
	if err := xml.Unmarshal([]byte(soap.Ack), &e); err != nil {
		t.Fatal(err)
	}
	if !e.Body.Response.Ack || soap.Ack[0] != '<' {
		t.Errorf("%s does not ack", soap.Ack)
	}
}

func TestFaultEscapesItsReason(t *testing.T) {
	t.Parallel()
	const reason = `a < b & "c"`
	fault := soap.Fault(soap.FaultServer, reason)
	var e struct {
		XMLName xml.Name `xml:"http://schemas.xmlsoap.org/soap/envelope/ Envelope"`
		Body    struct {
			Fault struct {
				Code   string `xml:"faultcode"`
				Reason string `xml:"faultstring"`
			} `xml:"http://schemas.xmlsoap.org/soap/envelope/ Fault"`
		} `xml:"http://schemas.xmlsoap.org/soap/envelope/ Body"`
	}
	if err := xml.Unmarshal(fault, &e); err != nil {
		t.Fatal(err)
	}
	if e.Body.Fault.Code != "soapenv:Server" || e.Body.Fault.Reason != reason ||
		strings.Contains(string(fault), "Ack") {
		t.Errorf("got %s", fault)
	}
}
