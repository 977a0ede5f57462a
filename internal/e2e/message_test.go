package e2e_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"ackbox/simulate"
	"ackbox/wsdl"
)

const (
	organization = simulate.DefaultOrganizationID
	action       = "04kS10000000001IAA"
)

// lead returns a notification of a Lead. Fields holds elements such as <sf:City>Bonn</sf:City>.
func lead(id, record, fields string) string {
	return fmt.Sprintf(`<Notification><Id>%s</Id><sObject xsi:type="sf:Lead" `+
		`xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>%s</sf:Id>%s</sObject></Notification>`,
		id, record, fields)
}

// envelope returns a message with notifications.
func envelope(notifications ...string) []byte {
	return []byte(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		`<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" ` +
		`xmlns:xsd="http://www.w3.org/2001/XMLSchema" ` +
		`xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">` +
		`<soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound">` +
		`<OrganizationId>` + organization + `</OrganizationId><ActionId>` + action + `</ActionId>` +
		`<SessionId xsi:nil="true"/><EnterpriseUrl>https://example.test/c</EnterpriseUrl>` +
		`<PartnerUrl>https://example.test/u</PartnerUrl>` + strings.Join(notifications, "") +
		`</notifications></soapenv:Body></soapenv:Envelope>`)
}

// generator returns a generator of messages of Leads, which are the same for the same seed.
func generator(tb testing.TB, seed uint64) *simulate.Generator {
	tb.Helper()
	definitions, err := wsdl.Embedded()
	if err != nil {
		tb.Fatal(err)
	}
	for _, d := range definitions {
		if d.Object != "Lead" {
			continue
		}
		g, err := simulate.NewGenerator(d, simulate.GeneratorOptions{Seed: seed})
		if err != nil {
			tb.Fatal(err)
		}
		return g
	}
	tb.Fatal("no WSDL of Lead is embedded")
	return nil
}

// line is a line of the export.
type line struct {
	ID             int64           `json:"id"`
	Source         string          `json:"source"`
	OrganizationID string          `json:"organization_id"`
	ActionID       string          `json:"action_id"`
	NotificationID string          `json:"notification_id"`
	Revision       int             `json:"revision"`
	ObjectType     *string         `json:"object_type"`
	RecordID       *string         `json:"record_id"`
	Fields         json.RawMessage `json:"fields"`
	ReceivedAt     string          `json:"received_at"`
	Intake         string          `json:"intake"`
	Operation      *string         `json:"operation"`
	ChangedAt      *string         `json:"changed_at"`
}

// export returns what is stored.
func (in *installation) export(flags ...string) []line {
	in.tb.Helper()
	return decodeLines[line](in.tb, in.ok(append([]string{"export"}, flags...)...))
}

// decodeLines decodes lines of JSON that have no members which T does not name.
func decodeLines[T any](tb testing.TB, text string) []T {
	tb.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	lines := []T{}
	for {
		var l T
		err := decoder.Decode(&l)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			tb.Fatalf("line %d: %v", len(lines)+1, err)
		}
		lines = append(lines, l)
	}
	if got, want := len(lines), strings.Count(text, "\n"); got != want {
		tb.Fatalf("got %d values on %d lines", got, want)
	}
	return lines
}

// pair is a member of a JSON object.
type pair struct {
	name  string
	value any // a string, json.Number, bool or nil; other types are not compared
}

// pairs returns the members of a JSON object in order. Numbers keep their digits.
func pairs(tb testing.TB, object json.RawMessage) []pair {
	tb.Helper()
	decoder := json.NewDecoder(bytes.NewReader(object))
	decoder.UseNumber()
	if first, err := decoder.Token(); err != nil || first != json.Delim('{') {
		tb.Fatalf("%s is not an object (%v)", object, err)
	}
	var members []pair
	for decoder.More() {
		name, err := decoder.Token()
		var value any
		if err == nil {
			err = decoder.Decode(&value)
		}
		if err != nil {
			tb.Fatalf("%s: %v", object, err)
		}
		members = append(members, pair{name.(string), value})
	}
	return members
}
