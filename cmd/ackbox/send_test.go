package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"ackbox/soap"
)

func TestSendShowsStatusAndFaultString(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write(soap.Fault(soap.FaultClient, "no such \x1b[31mURL"))
	}))
	t.Cleanup(server.Close)
	got := command(t, "send", server.URL+"/outbound/s3cr3t", "--count", "2")
	const want = "2 × SOAP response was a fault\n    2 × HTTP 404: no such "
	if got.code != exitFailed || !strings.Contains(got.out, want) ||
		strings.Contains(got.out+got.err, "s3cr3t") || strings.Contains(got.out, "\x1b") {
		t.Errorf("got %+v, want exit code 1 and %q", got, want)
	}
	got = command(t, "send", server.URL, "--json")
	if !strings.Contains(got.out, `"status":404,"fault":"no such `) {
		t.Errorf("send --json: got %+v, want status and fault", got)
	}
}
