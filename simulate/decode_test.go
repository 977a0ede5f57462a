package simulate_test

import (
	"encoding/xml"
	"testing"

	"ackbox/wsdl"
)

// decoded is a message as encoding/xml decodes it, so that these tests do not depend on ackbox's
// own decoder.
type decoded struct {
	organization, action, enterpriseURL string
	notifications                       []decodedNotification
}

type decodedNotification struct {
	id       string
	hasData  bool
	kind     string
	names    []string
	fields   map[string]string
	recordID string
}

func decodeMessage(tb testing.TB, body []byte) decoded {
	tb.Helper()
	var e struct {
		XMLName       xml.Name `xml:"http://schemas.xmlsoap.org/soap/envelope/ Envelope"`
		Notifications struct {
			OrganizationID string `xml:"OrganizationId"`
			ActionID       string `xml:"ActionId"`
			EnterpriseURL  string `xml:"EnterpriseUrl"`
			Notification   []struct {
				ID      string `xml:"Id"`
				SObject *struct {
					Type   string `xml:"http://www.w3.org/2001/XMLSchema-instance type,attr"`
					Fields []struct {
						XMLName xml.Name
						Text    string `xml:",chardata"`
					} `xml:",any"`
				} `xml:"http://soap.sforce.com/2005/09/outbound sObject"`
			} `xml:"http://soap.sforce.com/2005/09/outbound Notification"`
		} `xml:"Body>notifications"`
	}
	if err := xml.Unmarshal(body, &e); err != nil {
		tb.Fatalf("the message is not well-formed: %v\n%s", err, body)
	}
	n := e.Notifications
	m := decoded{organization: n.OrganizationID, action: n.ActionID, enterpriseURL: n.EnterpriseURL}
	for _, n := range n.Notification {
		d := decodedNotification{id: n.ID, hasData: n.SObject != nil, fields: map[string]string{}}
		if n.SObject != nil {
			d.kind = n.SObject.Type
			for _, f := range n.SObject.Fields {
				d.names = append(d.names, f.XMLName.Local)
				d.fields[f.XMLName.Local] = f.Text
			}
			d.recordID = d.fields["Id"]
		}
		m.notifications = append(m.notifications, d)
	}
	return m
}

// definition returns an outbound message with fields of all types.
func definition() *wsdl.Definition {
	return &wsdl.Definition{Object: "Lead", Fields: []wsdl.Field{
		{Name: "Id", Type: "ID"}, {Name: "acme__Notes__c", Type: "string"},
		{Name: "Amount__c", Type: "double"},
		{Name: "AnnualRevenue", Type: "double"}, {Name: "Attachment__c", Type: "base64Binary"},
		{Name: "Birthdate__c", Type: "date"}, {Name: "Company", Type: "string"},
		{Name: "CreatedDate", Type: "dateTime"},
		{Name: "Email", Type: "string"}, {Name: "IsConverted", Type: "boolean"},
		{Name: "LastModifiedDate", Type: "dateTime"},
		{Name: "LastName", Type: "string"}, {Name: "Longitude", Type: "double"},
		{Name: "NumberOfEmployees", Type: "int"},
		{Name: "Opens__c", Type: "time"}, {Name: "OwnerId", Type: "ID"}, {Name: "Phone", Type: "string"},
		{Name: "Status", Type: "string"}, {Name: "Street", Type: "string"},
		{Name: "SystemModstamp", Type: "dateTime"},
	}}
}
