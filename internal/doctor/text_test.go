package doctor_test

import (
	"strings"
	"testing"

	"ackbox/internal/doctor"

	"github.com/google/go-cmp/cmp"
)

func TestTextIsAlignedAndWrapped(t *testing.T) {
	t.Parallel()
	check := doctor.Check{
		Name: "refusal", Status: doctor.Fail, Found: "HTTP 200, text/html, 12 bytes: a web page",
		Salesforce: "Content is not allowed in prolog.",
		Todo: "answer with the SOAP Ack and nothing else; perhaps something in front of the listener answers in its " +
			"place: a proxy, a login page",
	}
	want := `fail  refusal      HTTP 200, text/html, 12 bytes: a web page
                   Salesforce: Content is not allowed in prolog.
                   to do: answer with the SOAP Ack and nothing else; perhaps something in front of
                   the listener answers in its place: a proxy, a login page
`
	if diff := cmp.Diff(want, check.Text()); diff != "" {
		t.Error(diff)
	}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	report := doctor.Report{
		URL: "https://inbox.example:443/…", Listener: "ackbox", Checks: []doctor.Check{
			{Name: "dns", Status: doctor.Warn}, {Name: "tls", Status: doctor.Pass},
			{Name: "trust", Status: doctor.Fail},
			{Name: "answer", Status: doctor.Skip, Found: "not sent"},
			{Name: "login", Status: doctor.Skip, Found: "not sent"},
			{Name: "message", Status: doctor.Skip, Found: "not requested"},
		},
	}
	want := `skip               answer, login: not sent
skip               message: not requested

Salesforce cannot deliver safely to https://inbox.example:443/…; failed: trust; warnings: dns; the
listener seems to be ackbox
`
	if diff := cmp.Diff(want, report.Summary()); diff != "" {
		t.Error(diff)
	}
	report.Checks = report.Checks[:2]
	want = "\nNothing failed at https://inbox.example:443/…"
	if got := report.Summary(); !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want %q at its start", got, want)
	}
	report.Checks = []doctor.Check{
		{Name: "tls", Status: doctor.Pass}, {Name: "message", Status: doctor.Pass},
	}
	want = "\nSalesforce can deliver to https://inbox.example:443/…"
	if got := report.Summary(); !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want %q at its start", got, want)
	}
}

func TestSummaryWithoutATestMessageDoesNotSayThatSalesforceCanDeliver(t *testing.T) {
	t.Parallel()
	report := doctor.Report{
		URL: "https://inbox.example:443/…", Checks: []doctor.Check{
			{Name: "tls", Status: doctor.Pass}, {Name: "refusal", Status: doctor.Pass},
			{Name: "message", Status: doctor.Skip, Found: "not requested"},
		},
	}
	want := `skip               message: not requested

Nothing failed at https://inbox.example:443/…; not checked without --send: whether a message is
acked
`
	if diff := cmp.Diff(want, report.Summary()); diff != "" {
		t.Error(diff)
	}
}
