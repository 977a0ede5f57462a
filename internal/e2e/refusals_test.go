package e2e_test

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
}

// refusals returns the recorded refusals.
func (in *installation) refusals(flags ...string) []refusal {
	in.tb.Helper()
	return decodeLines[refusal](in.tb, in.ok(append([]string{"refusals", "--json"}, flags...)...))
}
