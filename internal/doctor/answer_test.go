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

// fault answers everything with a Fault under a status.
func fault(status int) http.HandlerFunc {
	return reply(status, xmlType, string(soap.Fault(soap.FaultServer, "no: "+secret)))
}

// with answers with one more header field.
func with(name, value string, handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(name, value)
		handler(w, r)
	}
}

var (
	nack  = strings.Replace(soap.Ack, "true", "false", 1)
	wrong = strings.ReplaceAll(soap.Ack, "notificationsResponse", "notifications")
)

// broken is a listener whose answer is not what Salesforce needs, and what is said of it.
type broken struct {
	name    string
	handler http.HandlerFunc
	send    bool
	check   string // that fails
	words   string // Salesforce's
	found   string // a part of it
	todo    string // a part of it
}

// brokenAnswers are those that answer a message without a notification in a wrong way.
var brokenAnswers = []broken{
	{"redirect", with("Location", "https://"+host+"/other/"+secret, reply(301, "text/html", "")), false,
		"redirect", simulate.ReasonProlog, "HTTP 301 to https://inbox.example/…", "final URL"},
	{"redirect on the host", with("Location", "/login?"+secret, reply(302, "text/html", "")), true,
		"redirect", simulate.ReasonProlog, "HTTP 302 to another path of the same host", "final URL"},
	{"login", with("WWW-Authenticate", `Basic realm="`+secret+`"`, reply(401, "text/html", "<html>")), false,
		"login", simulate.ReasonProlog, "HTTP 401 with Basic challenge", "do without"},
	{"login without a challenge", reply(401, "text/plain", "no"), false,
		"login", simulate.ReasonProlog, "HTTP 401 with no challenge", "do without"},
	{"forbidden with a challenge", with("WWW-Authenticate", "Bearer x", reply(403, "text/plain", "no")), false,
		"login", simulate.ReasonProlog, "HTTP 403 with Bearer challenge", "do without"},
	{"gzip", with("Content-Encoding", "gzip", reply(200, xmlType, "\x1f\x8b")), false,
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
	{"no content", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, false,
		"refusal", simulate.ReasonEmpty, "HTTP 204, no Content-Type, 0 bytes: an empty body", "answer with"},
	{"nack", reply(200, xmlType, nack), false,
		"refusal", simulate.ReasonNack, "an Ack that says false", "with a SOAP Fault"},
	{"acks everything", reply(200, xmlType, soap.Ack), false,
		"refusal", "", "the Ack for a message that holds nothing", "ack only what was read"},
	{"another element", reply(200, xmlType, wrong), false,
		"refusal", simulate.ReasonNoAck, "inside another element", "notificationsResponse"},
	{"line feed first", reply(200, xmlType, "\n"+soap.Ack), false,
		"refusal", simulate.ReasonXML, "white space before the XML declaration", "begin the answer"},
	{"byte order mark", reply(200, xmlType, "\ufeff"+soap.Ack), false,
		"refusal", simulate.ReasonProlog, "a byte order mark", "without one"},
	{"warning first", reply(200, xmlType, "Notice: x"+soap.Ack), false,
		"refusal", simulate.ReasonProlog, "other text before the XML", "debug output"},
	{"broken XML", reply(200, xmlType, strings.Replace(soap.Ack, "</Ack>", "</ack>", 1)), false,
		"refusal", simulate.ReasonXML, "XML with an error in it", "answer with"},
	{"other XML", reply(200, xmlType, "<ok/>"), false,
		"refusal", simulate.ReasonNoAck, "XML, but not the Ack", "SOAP 1.1 envelope"},
	{"Ack under 202", reply(202, xmlType, soap.Ack), false,
		"refusal", simulate.ReasonStatus, "under another status", "answer 200"},
	{"endless", reply(200, xmlType, strings.Repeat(" ", 1<<17)), false,
		"refusal", simulate.ReasonNoAck, "over 65536 bytes", "nothing else"},
	{"unknown URL", fault(404), false,
		"refusal", simulate.ReasonFault, "HTTP 404, text/xml", "copy the URL again"},
	{"database down", fault(503), false,
		"refusal", simulate.ReasonFault, "HTTP 503, text/xml", "its database"},
}

// brokenAcks are those that only a real message shows.
func brokenAcks() []broken {
	return []broken{
		{"nacks messages", careful(reply(200, xmlType, nack)), true,
			"message", simulate.ReasonNack, "an Ack that says false", "why it refuses"},
		{"acks in another element", careful(reply(200, xmlType, wrong)), true,
			"message", simulate.ReasonNoAck, "inside another element", "notificationsResponse"},
		{"acks after a byte order mark", careful(reply(200, xmlType, "\ufeff"+soap.Ack)), true,
			"message", simulate.ReasonProlog, "a byte order mark", "without one"},
		{"refuses the organization", careful(fault(403)), true,
			"message", simulate.ReasonFault, "HTTP 403", "--org"},
		{"refuses the object", careful(fault(500)), true,
			"message", simulate.ReasonFault, "HTTP 500", "--object"},
		{"redirects messages", careful(with("Location", "/", reply(307, "", ""))), true,
			"message", simulate.ReasonProlog, "HTTP 307", "final URL"},
		{"refuses a redelivery", once(fault(409)), true,
			"redelivery", simulate.ReasonFault, "HTTP 409", "stored already"},
	}
}

// once acks the first message, and answers with again afterwards.
func once(again http.HandlerFunc) http.HandlerFunc {
	var acked atomic.Bool
	return careful(func(w http.ResponseWriter, r *http.Request) {
		if acked.Swap(true) {
			again(w, r)
			return
		}
		reply(http.StatusOK, xmlType, soap.Ack)(w, r)
	})
}

func TestBrokenAnswersAreToldApart(t *testing.T) {
	t.Parallel()
	for _, tt := range slices.Concat(brokenAnswers, brokenAcks()) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := public(listen(t, tt.handler, theAuthority().good()))
			o.Send = tt.send
			report := examine(t, o)
			want := []problem{{doctor.Fail, tt.check, tt.words}}
			if diff := cmp.Diff(want, problems(report), cmp.AllowUnexported(problem{})); diff != "" {
				t.Error(diff)
			}
			got := find(t, report, tt.check)
			if !strings.Contains(got.Found, tt.found) || !strings.Contains(got.Todo, tt.todo) {
				t.Errorf("got %+v, want %q to be found and %q to be done", got, tt.found, tt.todo)
			}
			if report.Verdict != doctor.Fail {
				t.Errorf("the verdict is %s", report.Verdict)
			}
		})
	}
}

func TestNoTwoBrokenAnswersLookAlike(t *testing.T) {
	t.Parallel()
	names := map[[2]string]string{}
	for _, tt := range slices.Concat(brokenAnswers, brokenAcks()) {
		key := [2]string{tt.check, tt.found}
		if other, taken := names[key]; taken {
			t.Errorf("%q and %q look alike: %v", tt.name, other, key)
		}
		names[key] = tt.name
	}
}

func TestAnOrganizationThatIsRefusedBeforeReadingIsAWarning(t *testing.T) {
	t.Parallel()
	report := examine(t, public(listen(t, fault(http.StatusForbidden), theAuthority().good())))
	want := []problem{{doctor.Warn, "refusal", simulate.ReasonFault}}
	if diff := cmp.Diff(want, problems(report), cmp.AllowUnexported(problem{})); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsPosted(t *testing.T) {
	t.Parallel()
	type request struct{ method, uri, contentType, soapAction, encoding, organization string }
	var got []request
	address := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		organization := ""
		if message, err := soap.Decode(body, nil); err == nil {
			organization = message.OrganizationID
		}
		got = append(got, request{r.Method, r.RequestURI, r.Header.Get("Content-Type"), r.Header["Soapaction"][0],
			r.Header.Get("Accept-Encoding"), organization})
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		acks(w, r)
	}), theAuthority().good())
	o := public(address)
	o.Send, o.OrganizationID = true, "00D000000000001"
	examine(t, o)
	uri := "/outbound/" + secret + "?key=" + secret
	empty := request{"POST", uri, "text/xml; charset=UTF-8", `""`, "", ""}
	sent := empty
	sent.organization = "00D000000000001"
	if diff := cmp.Diff([]request{empty, sent, sent}, got, cmp.AllowUnexported(request{})); diff != "" {
		t.Error(diff)
	}
}

func TestWithoutSendOnlyTheEmptyMessageIsPosted(t *testing.T) {
	t.Parallel()
	var messages atomic.Int32
	address := listen(t, careful(func(http.ResponseWriter, *http.Request) { messages.Add(1) }), theAuthority().good())
	examine(t, public(address))
	if messages.Load() != 0 {
		t.Errorf("%d messages came", messages.Load())
	}
}

func TestASlowAnswerIsAWarning(t *testing.T) {
	t.Parallel()
	o := publicHTTP(listen(t, acks, nil))
	start := time.Now()
	var looked atomic.Int64
	o.Now = func() time.Time { return start.Add(time.Duration(looked.Add(1)) * 6 * time.Second) }
	report := examine(t, o)
	if got := find(t, report, "answer"); got.Status != doctor.Warn || !strings.Contains(got.Found, "6s") {
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
	if got.Status != doctor.Fail || got.Salesforce != simulate.ReasonTimeout || !strings.Contains(got.Found, "within 1s") {
		t.Errorf("got %+v", got)
	}
	if got := find(t, report, "refusal"); got.Status != doctor.Skip {
		t.Errorf("got %+v", got)
	}
}

func TestWhatIsNoHTTPIsToldApart(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name         string
		serve        func(net.Conn)
		words, found string
	}{
		{"closed", func(c net.Conn) { _, _ = c.Read(make([]byte, 1<<16)) }, simulate.ReasonReset, "was closed before"},
		{"cut", func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1<<16))
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<soap")
		}, simulate.ReasonReset, "was closed before"},
		{"reset", func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1)) // or connecting fails already
			_ = c.(*net.TCPConn).SetLinger(0)
		}, simulate.ReasonReset, "was closed before"},
		{"echo", func(c net.Conn) { _, _ = io.CopyN(c, c, 64) }, simulate.ReasonConnection, "no HTTP/1.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := find(t, examine(t, publicHTTP(listenRaw(t, tt.serve))), "answer")
			if got.Status != doctor.Fail || got.Salesforce != tt.words || !strings.Contains(got.Found, tt.found) {
				t.Errorf("got %+v, want %q and %q", got, tt.words, tt.found)
			}
		})
	}
}

func TestPlainHTTPToAPortForTLSIsFound(t *testing.T) {
	t.Parallel()
	report := examine(t, publicHTTP(listen(t, acks, theAuthority().good())))
	got := find(t, report, "answer")
	if got.Status != doctor.Fail || !strings.Contains(got.Found, "speaks TLS") || got.Salesforce == "" {
		t.Errorf("got %+v", got)
	}
}
