package e2e_test

import (
	"slices"
	"strings"
	"testing"
)

// refusal is a line of refusals --json.
type refusal struct {
	ID         int64  `json:"id"`
	Source     string `json:"source"`
	Cause      string `json:"cause"`
	Status     int    `json:"status"`
	Detail     string `json:"detail"`
	Line       int    `json:"line"`
	Column     int    `json:"column"`
	Size       int64  `json:"size"`
	RequestID  string `json:"request_id"`
	RemoteAddr string `json:"remote_addr"`
	RefusedAt  string `json:"refused_at"`
	Reported   bool   `json:"reported"`

	OrganizationID string `json:"organization_id"`
	ActionID       string `json:"action_id"`
	ObjectType     string `json:"object_type"`
	Notifications  int    `json:"notifications"`
}

// refusals returns the recorded refusals.
func (in *installation) refusals(flags ...string) []refusal {
	in.tb.Helper()
	return decodeLines[refusal](in.tb, in.ok(append([]string{"refusals", "--json"}, flags...)...))
}

// The list for people names who was refused, and tells a refusal from a report.
func TestTheListOfRefusalsSaysWhoWasRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		in := install(t, "DATABASE_URL="+database, "ACKBOX_ALLOWED_RANGES=192.0.2.0/24")
		in.add("crm", "--org", organization)
		s := in.serve()
		s.ready()
		requireAck(t, post(t, s.url("crm"), unchanged()))
		checkFault(t, post(t, s.url("crm"), with(organization, stranger)), 403, "soapenv:Client")
		checkFault(t, post(t, s.url("crm"), []byte("hello")), 400, "soapenv:Client")
		var got [][]string
		for line := range strings.Lines(s.ok("refusals")) {
			got = append(got, strings.Fields(line)[1:9]) // between the time and the address
		}
		want := []string{
			"SOURCE RESULT STATUS CAUSE ORGANIZATION ACTION OBJECT NOTIFICATIONS",
			"crm reported 200 address " + organization + " 04kS10000000001IAA Lead 1",
			"crm refused 403 organization " + stranger + " 04kS10000000001IAA Lead 1",
			"crm refused 400 shape - - - -",
		}
		for i := range min(len(got), len(want)) {
			if !slices.Equal(got[i], strings.Fields(want[i])) {
				t.Errorf("line %d: got %q, want %q", i, got[i], want[i])
			}
		}
		if len(got) != len(want) {
			t.Errorf("got %d lines, want %d", len(got), len(want))
		}
	})
}
