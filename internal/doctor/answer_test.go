package doctor_test

import (
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ackbox/internal/doctor"
	"ackbox/simulate"
	"ackbox/soap"

	"github.com/google/go-cmp/cmp"
)

const xmlType = "text/xml; charset=utf-8"

// fault answers every request with a Fault under that status.
func fault(status int) http.HandlerFunc {
	return reply(status, xmlType, string(soap.Fault(soap.FaultServer, "no: "+secret)))
}

// withHeader adds a header field to the answers of handler.
func withHeader(name, value string, handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(name, value)
		handler(w, r)
	}
}

var (
	nack  = strings.Replace(soap.Ack, "true", "false", 1)
	wrong = strings.ReplaceAll(soap.Ack, "notificationsResponse", "notifications")
)

// broken is a listener that does not answer as Salesforce needs, with the expected check.
type broken struct {
	name    string
	handler http.HandlerFunc
	send    bool
	check   string // the one that fails
	reason  string // the Delivery Failure Reason
	found   string // a part of it
	todo    string // a part of it
}

// brokenAnswers are listeners that answer the empty message wrongly.
var brokenAnswers = []broken{
	{"redirect", withHeader("Location", "https://"+host+"/other/"+secret, reply(301, "text/html", "")),
		false,
		"redirect", simulate.ReasonProlog, "HTTP 301 to https://inbox.example/…", "final URL"},
	{"redirect on the host", withHeader("Location", "/login?"+secret, reply(302, "text/html", "")),
		true,
		"redirect", simulate.ReasonProlog, "HTTP 302 to another path of the same host", "final URL"},
	{"login", withHeader("WWW-Authenticate", `Basic realm="`+secret+`"`,
		reply(401, "text/html", "<html>")), false,
		"login", simulate.ReasonProlog, "HTTP 401 with Basic challenge", "without a login"},
	{"login without a challenge", reply(401, "text/plain", "no"), false,
		"login", simulate.ReasonProlog, "HTTP 401 with no challenge", "without a login"},
	{"forbidden with a challenge", withHeader("WWW-Authenticate", "Bearer x",
		reply(403, "text/plain", "no")), false,
		"login", simulate.ReasonProlog, "HTTP 403 with Bearer challenge", "without a login"},
	{"gzip", withHeader("Content-Encoding", "gzip", reply(200, xmlType, "\x1f\x8b")), false,
		"compression", simulate.ReasonProlog, "compressed (gzip)", "turn compression off"},
	{"HTML", reply(200, "text/html", "<!DOCTYPE html><p>hello"), false,
		"refusal", simulate.ReasonProlog, "HTTP 200, text/html, 23 bytes: a web page", "proxy"},
	{"error page", reply(500, "text/html", "<html>oh no"), false,
		"refusal", simulate.ReasonProlog, "HTTP 500, text/html, 11 bytes: a web page", "error page"},
	{"JSON", reply(200, "application/json", `{"ok":true}`), false,
		"refusal", simulate.ReasonProlog, "application/json, 11 bytes: JSON", "nothing else"},
	{"text", reply(200, "text/plain", "OK"), false,
		"refusal", simulate.ReasonProlog, "text/plain, 2 bytes: plain text", "nothing else"},
	{"empty", reply(200, "text/plain", ""), false,
		"refusal", simulate.ReasonEmpty, "HTTP 200, text/plain, 0 bytes: an empty body", "answer with"},
	{"no content", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	}, false,
		"refusal", simulate.ReasonEmpty, "HTTP 204, no Content-Type, 0 bytes: an empty body",
		"answer with"},
	{"nack", reply(200, xmlType, nack), false,
		"refusal", simulate.ReasonNack, "an Ack that says false", "with a SOAP Fault"},
	{"acks everything", reply(200, xmlType, soap.Ack), false,
		"refusal", "", "the Ack for a message without notifications", "ack only what was read"},
	{"another element", reply(200, xmlType, wrong), false,
		"refusal", simulate.ReasonNoAck, "inside an element other than", "notificationsResponse"},
	{"line feed first", reply(200, xmlType, "\n"+soap.Ack), false,
		"refusal", simulate.ReasonXML, "white space before the XML declaration", "begin the answer"},
	{"byte order mark", reply(200, xmlType, "\ufeff"+soap.Ack), false,
		"refusal", simulate.ReasonProlog, "a byte order mark", "without one"},
	{"warning first", reply(200, xmlType, "Notice: x"+soap.Ack), false,
		"refusal", simulate.ReasonProlog, "other text before the XML", "debug output"},
	{"broken XML", reply(200, xmlType, strings.Replace(soap.Ack, "</Ack>", "</ack>", 1)), false,
		"refusal", simulate.ReasonXML, "XML that is not well-formed", "answer with"},
	{"other XML", reply(200, xmlType, "<ok/>"), false,
		"refusal", simulate.ReasonNoAck, "XML, but not the Ack", "SOAP 1.1 envelope"},
	{"Ack under 202", reply(202, xmlType, soap.Ack), false,
		"refusal", simulate.ReasonStatus, "under a status other than 200", "answer 200"},
	{"endless", reply(200, xmlType, strings.Repeat(" ", 1<<17)), false,
		"refusal", simulate.ReasonNoAck, "over 65536 bytes", "nothing else"},
	{"unknown URL", fault(404), false,
		"refusal", simulate.ReasonFault, "HTTP 404, text/xml", "copy the URL again"},
	{"unknown path", reply(404, "text/plain", "Not Found\n"), false,
		"refusal", simulate.ReasonProlog, "HTTP 404, text/plain", "copy the URL again"},
	{"page for an unknown path", reply(404, "text/html", "<!DOCTYPE html>"), false,
		"refusal", simulate.ReasonProlog, "HTTP 404, text/html", "copy the URL again"},
	{"nothing for an unknown path", reply(404, "text/plain", ""), false,
		"refusal", simulate.ReasonEmpty, "HTTP 404, text/plain, 0 bytes", "copy the URL again"},
	{"path without messages", reply(405, "text/plain", "POST?"), false,
		"refusal", simulate.ReasonProlog, "HTTP 405, text/plain", "copy the URL again"},
	{"Ack under 404", reply(404, xmlType, soap.Ack), false,
		"refusal", simulate.ReasonStatus, "HTTP 404, text/xml, 272 bytes: the Ack", "answer 200"},
	{"throttled", fault(429), false,
		"refusal", simulate.ReasonFault, "HTTP 429, text/xml", "copy the URL again"},
	{"database down", fault(503), false,
		"refusal", simulate.ReasonFault, "HTTP 503, text/xml", "its database"},
}

// brokenAcks returns listeners that answer only other messages wrongly.
func brokenAcks() []broken {
	return []broken{
		{"nacks messages", refuseEmpty(reply(200, xmlType, nack)), true,
			"message", simulate.ReasonNack, "an Ack that says false", "why it refuses"},
		{"acks in another element", refuseEmpty(reply(200, xmlType, wrong)), true,
			"message", simulate.ReasonNoAck, "inside an element other than", "notificationsResponse"},
		{"acks after a byte order mark", refuseEmpty(reply(200, xmlType, "\ufeff"+soap.Ack)), true,
			"message", simulate.ReasonProlog, "a byte order mark", "without one"},
		{"refuses the organization", refuseEmpty(fault(403)), true,
			"message", simulate.ReasonFault, "HTTP 403", "--org"},
		{"refuses the object", refuseEmpty(fault(500)), true,
			"message", simulate.ReasonFault, "HTTP 500", "--object"},
		{"knows no such URL", refuseEmpty(reply(404, "text/plain", "no")), true,
			"message", simulate.ReasonProlog, "HTTP 404, text/plain", "copy the URL again"},
		{"redirects messages", refuseEmpty(withHeader("Location", "/", reply(307, "", ""))), true,
			"message", simulate.ReasonProlog, "HTTP 307", "final URL"},
		{"refuses a redelivery", once(fault(409)), true,
			"redelivery", simulate.ReasonFault, "HTTP 409", "already stored"},
	}
}

// once acks the first message and answers with again afterwards.
func once(again http.HandlerFunc) http.HandlerFunc {
	var acked atomic.Bool
	return refuseEmpty(func(w http.ResponseWriter, r *http.Request) {
		if acked.Swap(true) {
			again(w, r)
			return
		}
		reply(http.StatusOK, xmlType, soap.Ack)(w, r)
	})
}

func TestBrokenAnswersAreReported(t *testing.T) {
	t.Parallel()
	for _, tt := range slices.Concat(brokenAnswers, brokenAcks()) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := public(listen(t, tt.handler, testAuthority().good()))
			o.Send = tt.send
			report := examine(t, o)
			want := []problem{{doctor.Fail, tt.check, tt.reason}}
			if diff := cmp.Diff(want, problems(report), cmp.AllowUnexported(problem{})); diff != "" {
				t.Error(diff)
			}
			got := find(t, report, tt.check)
			if !strings.Contains(got.Found, tt.found) || !strings.Contains(got.Todo, tt.todo) {
				t.Errorf("got %+v, want %q in Found and %q in Todo", got, tt.found, tt.todo)
			}
			if report.Verdict != doctor.Fail {
				t.Errorf("the verdict is %s", report.Verdict)
			}
		})
	}
}

func TestBrokenAnswersHaveDifferentReports(t *testing.T) {
	t.Parallel()
	names := map[[2]string]string{}
	for _, tt := range slices.Concat(brokenAnswers, brokenAcks()) {
		key := [2]string{tt.check, tt.found}
		if other, taken := names[key]; taken {
			t.Errorf("%q and %q have the same report: %v", tt.name, other, key)
		}
		names[key] = tt.name
	}
}

func TestARefusedOrganizationIsAWarning(t *testing.T) {
	t.Parallel()
	report := examine(t, public(listen(t, fault(http.StatusForbidden), testAuthority().good())))
	want := []problem{{doctor.Warn, "refusal", simulate.ReasonFault}}
	if diff := cmp.Diff(want, problems(report), cmp.AllowUnexported(problem{})); diff != "" {
		t.Error(diff)
	}
}

// foreignFault is a Fault as other listeners write it.
const foreignFault = `<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/">` +
	`<SOAP-ENV:Body><SOAP-ENV:Fault><faultcode>SOAP-ENV:Client</faultcode>` +
	`<faultstring>invalid</faultstring></SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>`

// A listener that reads a message before it looks for the URL refuses the empty message at a URL
// that does not exist, too.
func TestAFaultOfAnotherListenerDoesNotShowThatTheURLExists(t *testing.T) {
	t.Parallel()
	inForeign := func(answer http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if strings.Contains(string(body), "<Notification>") {
				answer(w, r)
				return
			}
			reply(http.StatusInternalServerError, xmlType, foreignFault)(w, r)
		}
	}
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		send    bool
		want    []problem
	}{
		{"not sent", inForeign(fault(404)), false, []problem{{doctor.Warn, "refusal", ""}}},
		{"unknown", inForeign(fault(404)), true,
			[]problem{{doctor.Fail, "message", simulate.ReasonFault}}},
		{"known", inForeign(reply(200, xmlType, soap.Ack)), true, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := public(listen(t, tt.handler, testAuthority().good()))
			o.Send = tt.send
			report := examine(t, o)
			if diff := cmp.Diff(tt.want, problems(report), cmp.AllowUnexported(problem{})); diff != "" {
				t.Error(diff)
			}
			if got := find(t, report, "refusal"); !tt.send && !strings.Contains(got.Todo, "--send") {
				t.Errorf("got %+v, want --send in Todo", got)
			}
		})
	}
}

func TestRequestsAreThoseOfSalesforce(t *testing.T) {
	t.Parallel()
	type request struct{ method, uri, contentType, soapAction, encoding, organization string }
	var got []request
	address := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		organization := ""
		if message, err := soap.Decode(body, nil); err == nil {
			organization = message.OrganizationID
		}
		got = append(got, request{r.Method, r.RequestURI, r.Header.Get("Content-Type"),
			r.Header["Soapaction"][0],
			r.Header.Get("Accept-Encoding"), organization})
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		acks(w, r)
	}), testAuthority().good())
	o := public(address)
	o.Send, o.OrganizationID = true, "00D000000000001"
	examine(t, o)
	uri := "/outbound/" + secret + "?key=" + secret
	empty := request{"POST", uri, "text/xml; charset=UTF-8", `""`, "", ""}
	sent := empty
	sent.organization = "00D000000000001"
	if diff := cmp.Diff([]request{empty, sent, sent}, got,
		cmp.AllowUnexported(request{})); diff != "" {
		t.Error(diff)
	}
}

func TestWithoutSendOnlyTheEmptyMessageIsPosted(t *testing.T) {
	t.Parallel()
	var messages atomic.Int32
	address := listen(t, refuseEmpty(func(http.ResponseWriter, *http.Request) { messages.Add(1) }),
		testAuthority().good())
	examine(t, public(address))
	if messages.Load() != 0 {
		t.Errorf("got %d messages, want none", messages.Load())
	}
}

func TestASlowAnswerIsAWarning(t *testing.T) {
	t.Parallel()
	o := publicHTTP(listen(t, acks, nil))
	start := time.Now()
	var looked atomic.Int64
	o.Now = func() time.Time { return start.Add(time.Duration(looked.Add(1)) * 6 * time.Second) }
	report := examine(t, o)
	if got := find(t, report, "answer"); got.Status != doctor.Warn ||
		!strings.Contains(got.Found, "6s") {
		t.Errorf("got %+v", got)
	}
}

func TestNoAnswerInTimeFails(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	address := listenRaw(t, func(net.Conn) { <-done })
	defer close(done)
	o := publicHTTP(address)
	o.Timeout = time.Second
	report := examine(t, o)
	got := find(t, report, "answer")
	if got.Status != doctor.Fail || got.Salesforce != simulate.ReasonTimeout ||
		!strings.Contains(got.Found, "within 1s") {
		t.Errorf("got %+v", got)
	}
	if got := find(t, report, "refusal"); got.Status != doctor.Skip {
		t.Errorf("got %+v", got)
	}
}

func TestInvalidHTTPIsReported(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name          string
		serve         func(net.Conn)
		reason, found string
	}{
		{"closed", func(c net.Conn) { _, _ = c.Read(make([]byte, 1<<16)) }, simulate.ReasonReset,
			"was closed before"},
		{"cut", func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1<<16))
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<soap")
		}, simulate.ReasonReset, "was closed before"},
		{"reset", func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1)) // or connecting would fail
			_ = c.(*net.TCPConn).SetLinger(0)
		}, simulate.ReasonReset, "was closed before"},
		{"echo", func(c net.Conn) { _, _ = io.CopyN(c, c, 64) }, simulate.ReasonConnection,
			"not HTTP/1.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := find(t, examine(t, publicHTTP(listenRaw(t, tt.serve))), "answer")
			if got.Status != doctor.Fail || got.Salesforce != tt.reason ||
				!strings.Contains(got.Found, tt.found) {
				t.Errorf("got %+v, want %q and %q", got, tt.reason, tt.found)
			}
		})
	}
}

func TestPlainHTTPToAPortForTLSIsReported(t *testing.T) {
	t.Parallel()
	report := examine(t, publicHTTP(listen(t, acks, testAuthority().good())))
	got := find(t, report, "answer")
	if got.Status != doctor.Fail || !strings.Contains(got.Found, "speaks TLS") ||
		got.Salesforce == "" {
		t.Errorf("got %+v", got)
	}
}
