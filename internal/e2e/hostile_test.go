package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf16"

	"ackbox/soap"
)

// Markers that must be found nowhere, except for fieldMarker in the field that was stored.
const (
	sessionMarker = "00DS10000004acK!SessionMarkerSessionMarker"
	fieldMarker   = "FieldMarkerFieldMarker"
	tokenMarker   = "TokenMarkerTokenMarkerTokenMarkerTokenMarker"
)

// stranger is an organization that may not post.
const stranger = "00DS10000009ZZZMA2"

const bodyLimit = 1 << 20 // of the servers of these tests, so that bodies over it are small

// hostile is a request that must not be acked.
type hostile struct {
	name   string
	body   []byte
	header []string
	status int
	cause  string // empty if the refusal is not recorded

	method  string // POST if empty
	source  string // "crm" if empty
	token   string // instead of a source
	chunked bool
}

// good returns a changed copy of a message that would be acked and that holds the markers.
func good(change func(string) string) []byte {
	city := "<sf:City>" + fieldMarker + "</sf:City>"
	text := string(envelope(lead("04lS10000000001IAA", "00QS10000000001IAA", city)))
	session := "<SessionId>" + sessionMarker + "</SessionId>"
	text = strings.Replace(text, `<SessionId xsi:nil="true"/>`, session, 1)
	return []byte(change(text))
}

func with(old, replacement string) []byte {
	return good(func(text string) string {
		if !strings.Contains(text, old) {
			panic("not in the message: " + old)
		}
		return strings.ReplaceAll(text, old, replacement)
	})
}

func unchanged() []byte { return good(func(text string) string { return text }) }

const declaration = `<?xml version="1.0" encoding="UTF-8"?>`

// bad returns a message whose body must be refused.
func bad(name string, status int, cause string, body []byte) hostile {
	return hostile{name: name, body: body, status: status, cause: cause}
}

func hostileXML() []hostile {
	laughs := `<!DOCTYPE lolz [<!ENTITY a "` + fieldMarker + `"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">` +
		`<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">]>`
	laughing := with(fieldMarker, "&d;")
	laughing = bytes.Replace(laughing, []byte(declaration), []byte(declaration+laughs), 1)
	many := strings.Repeat(lead("04lS10000000001IAA", "00QS10000000001IAA", ""), 101)
	deep := strings.Repeat("<sf:a>", 40) + fieldMarker + strings.Repeat("</sf:a>", 40)
	twice := append(unchanged(), bytes.TrimPrefix(unchanged(), []byte(declaration))...)
	return []hostile{
		bad("billion-laughs", 400, "forbidden", laughing),
		bad("dtd", 400, "forbidden", with(declaration, declaration+`<!DOCTYPE x SYSTEM "file:///etc/passwd">`)),
		bad("entity", 400, "forbidden", with("04lS10000000001IAA", "&"+fieldMarker+";")),
		bad("nul", 400, "malformed", with(fieldMarker, fieldMarker+"\x00")),
		bad("control-character", 400, "malformed", with("04lS10000000001IAA", "\x01")),
		bad("depth", 400, "limit", with(fieldMarker, deep)),
		bad("cut", 400, "malformed", unchanged()[:len(unchanged())-60]),
		bad("cut-in-session", 400, "malformed", []byte(before(string(unchanged()), "</SessionId>"))),
		bad("session-unclosed", 400, "shape", with("</SessionId>", "")),
		bad("empty", 400, "malformed", nil),
		bad("json", 400, "shape", []byte(`{"session":"`+sessionMarker+`"}`)),
		bad("outbound-namespace", 400, "shape", with("soap.sforce.com/2005/09/outbound", "example.test/outbound")),
		bad("envelope-namespace", 400, "shape", with(soap.EnvelopeNS, "http://example.test/envelope")),
		bad("record-namespace", 400, "shape", with("<sObject ", `<sObject xmlns="`+soap.SObjectNS+`" `)),
		bad("record-case", 400, "shape", with("sObject", "SObject")),
		bad("unknown-element", 400, "shape", with("</Notification>", "<x:sObject xmlns:x='urn:x'/></Notification>")),
		bad("unknown-structure", 400, "shape", with("</notifications>", "<a><b/></a></notifications>")),
		bad("soap12", 400, "soap_version", with(soap.EnvelopeNS, "http://www.w3.org/2003/05/soap-envelope")),
		bad("two-envelopes", 400, "shape", twice),
		bad("two-bodies", 400, "shape", with("</soapenv:Body>", "</soapenv:Body><soapenv:Body/>")),
		bad("invalid-utf8", 400, "malformed", with(fieldMarker, fieldMarker+"\xff\xfe")),
		bad("utf16", 400, "malformed", inUTF16(string(unchanged()))),
		bad("latin1-declared", 415, "encoding", with(`encoding="UTF-8"`, `encoding="ISO-8859-1"`)),
		bad("over-100", 400, "count", envelope(many)),
		bad("no-notification", 400, "count", envelope()),
		bad("no-organization", 400, "identity", with("<OrganizationId>"+organization+"</OrganizationId>", "")),
		bad("empty-organization", 400, "identity", with(organization, " ")),
		bad("no-id", 400, "identity", with("<Id>04lS10000000001IAA</Id>", "")),
		bad("long-action", 400, "limit", with(action, strings.Repeat("x", 256))),
		bad("long-type", 400, "limit", with(`"sf:Lead"`, `"sf:`+strings.Repeat("x", 256)+`"`)),
		bad("long-record-id", 400, "limit", with("00QS10000000001IAA", strings.Repeat("x", 256))),
		bad("long-id", 400, "identity", with("04lS10000000001IAA", strings.Repeat("x", 256))),
		bad("other-organization", 403, "organization", with(organization, stranger)),
		bad("other-case", 403, "organization", with(organization, strings.ToLower(organization))),
	}
}

// badHeader returns a message with one header for which it must be refused.
func badHeader(name, cause, header, value string) hostile {
	return hostile{
		name: name, body: unchanged(), status: 415, cause: cause, header: []string{header, value},
	}
}

func hostileHTTP() []hostile {
	huge := with(fieldMarker, strings.Repeat(fieldMarker, bodyLimit/len(fieldMarker)))
	return []hostile{
		{name: "over-limit", body: huge, status: 413, cause: "too_large"},
		{name: "over-limit-chunked", body: huge, chunked: true, status: 413, cause: "too_large"},
		badHeader("gzip", "content_encoding", "Content-Encoding", "gzip"),
		badHeader("latin1", "charset", "Content-Type", "text/xml; charset=iso-8859-1"),
		badHeader("soap-xml", "content_type", "Content-Type", "application/soap+xml"),
		{name: "disabled", body: unchanged(), source: "off", status: 404},
		{name: "unknown-token", body: unchanged(), token: tokenMarker, status: 404},
		{name: "no-token", body: unchanged(), token: "/", status: 404},
		{name: "more-path", body: unchanged(), token: tokenMarker + "/more", status: 404},
		{name: "put", body: unchanged(), method: http.MethodPut, status: 405},
		{name: "delete", method: http.MethodDelete, status: 405},
	}
}

func before(text, mark string) string {
	text, _, _ = strings.Cut(text, mark)
	return text
}

// inUTF16 encodes a text in little-endian UTF-16 with a byte order mark.
func inUTF16(text string) []byte {
	encoded := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(text)) {
		encoded = append(encoded, byte(unit), byte(unit>>8))
	}
	return encoded
}

func TestHostileMessagesAreRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		in := install(t, "DATABASE_URL="+database, "ACKBOX_LOG_LEVEL=debug",
			fmt.Sprintf("ACKBOX_BODY_LIMIT=%dB", bodyLimit))
		crm := in.add("crm", "--org", organization)
		off := in.add("off")
		in.ok("source", "disable", "off")
		s := in.serve()
		s.ready()
		recorded := map[string]hostile{} // by request id
		all := append(hostileXML(), hostileHTTP()...)
		for _, h := range all {
			t.Run(h.name, func(t *testing.T) {
				checkFault(t, s.attack(t, h), h.status, soap.FaultClient)
			})
			if h.cause != "" {
				recorded[h.name] = h
			}
		}
		cut := hostile{name: "interrupted", status: 400, cause: "interrupted"}
		t.Run(cut.name, func(t *testing.T) {
			checkFault(t, s.interrupted(t, cut.name), cut.status, soap.FaultClient)
		})
		recorded[cut.name] = cut
		announced := hostile{name: "announced", status: 413, cause: "too_large"}
		t.Run(announced.name, func(t *testing.T) {
			got := s.announced(t, announced.name, bodyLimit+1)
			checkFault(t, got, announced.status, soap.FaultClient)
		})
		recorded[announced.name] = announced

		checkRecorded(t, s.refusals(), recorded)
		if got := s.export(); len(got) != 0 {
			t.Errorf("got %d notifications, want none", len(got))
		}
		requireAck(t, post(t, s.url("crm"), unchanged())) // only the changes were wrong
		s.requireNoSecrets(database, crm.Token, off.Token)
	})
}

// attack sends a hostile request, with its name as the request id.
func (s *server) attack(t *testing.T, h hostile) answer {
	t.Helper()
	url := s.base() + "/outbound/" + strings.TrimPrefix(h.token, "/")
	switch {
	case h.token != "":
	case h.source != "":
		url = s.url(h.source)
	default:
		url = s.url("crm")
	}
	if h.method == "" {
		h.method = http.MethodPost
	}
	var body io.Reader = bytes.NewReader(h.body)
	if h.chunked {
		body = struct{ io.Reader }{body} // of unknown length
	}
	return do(t, h.method, url, body, append(h.header, "X-Request-Id", h.name)...)
}

// checkRecorded compares the recorded refusals with those that are wanted.
func checkRecorded(t *testing.T, refusals []refusal, want map[string]hostile) {
	t.Helper()
	for _, r := range refusals {
		h, ok := want[r.RequestID]
		if !ok {
			t.Errorf("%s: recorded, want no record: %+v", r.RequestID, r)
			continue
		}
		delete(want, r.RequestID)
		if r.Cause != h.cause || r.Status != h.status || r.Source != "crm" || r.Detail == "" {
			t.Errorf("%s: got %+v, want the cause %s and the status %d for crm",
				h.name, r, h.cause, h.status)
		}
		if r.RemoteAddr != "127.0.0.1" || !timeForm.MatchString(r.RefusedAt) {
			t.Errorf("%s: got address %q and time %q", h.name, r.RemoteAddr, r.RefusedAt)
		}
	}
	for name, h := range want {
		t.Errorf("%s: not recorded, want the cause %s", name, h.cause)
	}
}
