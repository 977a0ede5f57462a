package simulate_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"ackbox/simulate"
)

func TestSummaryCountsOneAsOne(t *testing.T) {
	t.Parallel()
	stats := simulate.Stats{Messages: 1, Notifications: 1, Posts: 1, Acked: 1, Elapsed: time.Second}
	const want = "1 message with 1 notification in 1s\n1 acked, 0 dropped, 0 failed, 0 left\n" +
		"1 delivery, 0 of them again; 0 notifications/s, p50 0s, p99 0s, p99.9 0s\n"
	if got := stats.Summary(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStatsAsTextAndJSON(t *testing.T) {
	t.Parallel()
	stats := simulate.Stats{
		Messages: 3, Notifications: 30, Posts: 4, Retried: 1, Acked: 20, Failed: 10,
		Elapsed: 1500 * time.Millisecond,
		Rate:    13.3, P50: 1234567 * time.Nanosecond, P99: 2 * time.Second,
		P999:    3 * time.Second,
		Reasons: map[string]int64{simulate.ReasonNack: 1, simulate.ReasonFault: 3, simulate.ReasonRefused: 1},
		Failures: []simulate.FailureCount{
			{Reason: simulate.ReasonFault, Status: 503, Fault: "the database is down", Deliveries: 2},
			{Reason: simulate.ReasonFault, Status: 400, Deliveries: 1},
			{Reason: simulate.ReasonNack, Status: 200, Deliveries: 1},
			{Reason: simulate.ReasonRefused, Deliveries: 1},
		},
	}
	const line = "queued 0, in flight 0, acked 20, retried 1, dropped 0, failed 10, 13/s, p50 1.23ms, p99 2s"
	if got := stats.String(); got != line {
		t.Errorf("got %q, want %q", got, line)
	}
	const reasons = "3 × SOAP response was a fault\n    2 × HTTP 503: the database is down\n    1 × HTTP 400\n" +
		"1 × SOAP response was a nack\n    1 × HTTP 200\n" +
		"1 × java.net.ConnectException: Connection refused\n"
	if got := stats.Summary(); !strings.HasSuffix(got, "\n"+reasons) {
		t.Errorf("summary:\n%s", got)
	}
	text, err := json.Marshal(stats)
	const want = `{"messages":3,"notifications":30,"queued":0,"in_flight":0,"posts":4,"retried":1,"acked":20,` +
		`"dropped":0,"failed":10,"reasons":{"SOAP response was a fault":3,"SOAP response was a nack":1,` +
		`"java.net.ConnectException: Connection refused":1},"failures":[` +
		`{"reason":"SOAP response was a fault","status":503,"fault":"the database is down","deliveries":2},` +
		`{"reason":"SOAP response was a fault","status":400,"fault":"","deliveries":1},` +
		`{"reason":"SOAP response was a nack","status":200,"fault":"","deliveries":1},` +
		`{"reason":"java.net.ConnectException: Connection refused","status":0,"fault":"","deliveries":1}],` +
		`"elapsed_seconds":1.5,` +
		`"acked_per_second":13.3,"p50_ms":1.234567,"p99_ms":2000,"p999_ms":3000}`
	if err != nil || string(text) != want {
		t.Errorf("got %s (%v)", text, err)
	}
}
