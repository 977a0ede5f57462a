package simulate_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ackbox/simulate"
	"ackbox/soap"
)

// Salesforce shows only that there was a Fault: what the listener said is for whoever tests it.
func TestReadAckKeepsTheFaultString(t *testing.T) {
	t.Parallel()
	fault := func(content string) string { return answer("<e:Fault>" + content + "</e:Fault>") }
	for name, test := range map[string]struct{ body, want string }{
		"ackbox":          {string(soap.Fault(soap.FaultServer, "a < b & c")), "a < b & c"},
		"after faultcode": {fault("<faultcode>e:Client</faultcode> <faultstring xml:lang='en'>no</faultstring>"), "no"},
		"qualified":       {fault("<e:faultstring>no</e:faultstring>"), "no"},
		"CDATA":           {fault("<faultstring><![CDATA[<no>]]><!-- x --> yes</faultstring>"), "<no> yes"},
		"several lines":   {fault("<faultstring>\n  one\r\n\ttwo </faultstring>"), "one two"},
		"not printable":   {fault("<faultstring>a\u202eb\u0085c</faultstring>"), "a\ufffdb c"},
		"long":            {fault("<faultstring>" + strings.Repeat("é", 400) + "</faultstring>"), strings.Repeat("é", 150)},
		"in the detail":   {fault("<detail><faultstring>no</faultstring></detail>"), ""},
		"elements in it":  {fault("<faultstring>one<x>two</x></faultstring>"), "one"},
		"none":            {fault(""), ""},
		"cut off":         {"<e:Envelope xmlns:e='" + soap.EnvelopeNS + "'><e:Body><e:Fault><faultstring>half", "half"},
	} {
		failure, ok := errors.AsType[*simulate.Failure](simulate.ReadAck(503, "text/xml", []byte(test.body)))
		if !ok || failure.Reason != simulate.ReasonFault || failure.Fault != test.want {
			t.Errorf("%s: got %+v, want the Fault %q", name, failure, test.want)
			continue
		}
		if test.want != "" && strings.Contains(failure.Error(), test.want) {
			t.Errorf("%s: the error %q contains the faultstring", name, failure)
		}
	}
}

func TestStatsCountFailuresByTheirAnswer(t *testing.T) {
	t.Parallel()
	i := &inbox{fail: func(w http.ResponseWriter, _ *http.Request, n int) bool {
		status, body := http.StatusServiceUnavailable, string(soap.Fault(soap.FaultServer, "down"))
		switch n {
		case 0:
			status, body = http.StatusBadRequest, string(soap.Fault(soap.FaultClient, "shape"))
		case 1:
			status, body = http.StatusBadGateway, "<html>bad gateway</html>"
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
		return true
	}}
	stats, _ := run(t, i, simulate.SenderOptions{Count: 4})
	want := []simulate.FailureCount{
		{Reason: simulate.ReasonFault, Status: 503, Fault: "down", Deliveries: 2},
		{Reason: simulate.ReasonFault, Status: 400, Fault: "shape", Deliveries: 1},
		{Reason: simulate.ReasonProlog, Status: 502, Deliveries: 1},
	}
	if diff := cmp.Diff(want, stats.Failures); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
}

// A listener may write anything into its Faults: memory and summary stay small.
func TestStatsCountOnlySomeAnswersApart(t *testing.T) {
	t.Parallel()
	i := &inbox{fail: func(w http.ResponseWriter, _ *http.Request, n int) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write(soap.Fault(soap.FaultServer, fmt.Sprintf("request %d", n)))
		return true
	}}
	const posts, apart = 50, 20
	stats, _ := run(t, i, simulate.SenderOptions{Count: posts})
	want := simulate.FailureCount{
		Reason: simulate.ReasonFault, Fault: simulate.OtherAnswers, Deliveries: posts - apart,
	}
	if len(stats.Failures) != apart+1 || stats.Failures[0] != want {
		t.Errorf("got %d counts, the first %+v, want %d, %+v", len(stats.Failures), stats.Failures[0],
			apart+1, want)
	}
}
