package e2e_test

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"

	"ackbox/simulate"
	"ackbox/soap"
)

// The outcomes of a try, besides the status of an answer.
const (
	closed     = "closed"       // the inbox closed the connection without an answer
	unfinished = "unfinished"   // the attack ended before the answer
	alert      = "alert"        // of TLS
	handshake  = "handshake"    // of TLS, which was not completed
	noHTTP     = "not readable" // an answer that is not HTTP, which is an error
)

// attackResults holds the answers that the attacks got.
type attackResults struct {
	secrets []string

	mu       sync.Mutex
	tries    map[string]int            // by attack
	outcomes map[string]map[string]int // by attack: how often each came up
	answers  map[answer]string         // by answer: the first attack that got it
	faults   int                       // how many of the answers were Faults
	leaks    map[string]bool           // secrets in answers, with the attack that got them
}

func newAttackResults(secrets []string) *attackResults {
	return &attackResults{
		secrets: append(secrets, "SessionMarker", fieldMarker, tokenMarker, hiddenID,
			"BEGIN CERTIFICATE", "goroutine ", ".go:", "net/http",
			"\nServer:", "\nX-Powered-By:", "\nLocation:", "\nWww-Authenticate:"),
		tries: map[string]int{}, outcomes: map[string]map[string]int{},
		answers: map[answer]string{}, leaks: map[string]bool{},
	}
}

// record adds what a try received until the inbox closed the connection, or until the attack was
// over.
func (r *attackResults) record(attack string, received []byte, over bool) {
	answers, outcomes := parseReceived(received, over)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tries[attack]++
	if r.outcomes[attack] == nil {
		r.outcomes[attack] = map[string]int{}
	}
	for _, o := range outcomes {
		r.outcomes[attack][o]++
	}
	for _, a := range answers {
		if a.contentType == acked.contentType && a.status != http.StatusOK {
			r.faults++
		}
		if r.answers[a] == "" {
			r.answers[a] = attack
		}
	}
	for _, secret := range r.secrets {
		if bytes.Contains(received, []byte(secret)) {
			r.leaks[fmt.Sprintf("%s: got %q", attack, secret)] = true
		}
	}
}

// parseReceived returns all answers that were received on a connection with their outcomes, or the
// outcome alone if there are none.
func parseReceived(received []byte, over bool) (answers []answer, outcomes []string) {
	switch {
	case len(received) == 0 && over:
		return nil, []string{unfinished}
	case len(received) == 0:
		return nil, []string{closed}
	case received[0] == 0x15: // the types of a TLS record, see RFC 8446, appendix B.1
		return nil, []string{alert}
	case received[0] == 0x16:
		return nil, []string{handshake}
	}
	reader := bufio.NewReader(bytes.NewReader(received))
	for {
		if _, err := reader.Peek(1); err != nil {
			return answers, outcomes
		}
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			return answers, append(outcomes, noHTTP)
		}
		a := read(response)
		if a.status == 0 { // the connection ended within the answer
			return answers, append(outcomes, unfinished)
		}
		answers, outcomes = append(answers, a), append(outcomes, fmt.Sprint(a.status))
	}
}

// The statuses of the contract: those of Faults, and those of other answers. Some of the latter
// come from net/http, before it has read a path.
var (
	faultStatuses = []int{400, 403, 404, 405, 413, 415, 429, 503}
	plainStatuses = []int{100, 200, 400, 404, 405, 417, 431, 501, 505}
)

// check reports attacks that were acked, that got a secret or an answer outside the contract, or
// that never came to an end.
func (r *attackResults) check(t *testing.T) {
	t.Helper()
	for leak := range r.leaks {
		t.Error(leak)
	}
	for a, attack := range r.answers {
		isXML := a.contentType == acked.contentType
		switch {
		case isXML && a.status == http.StatusOK || strings.Contains(a.body, soap.Ack):
			t.Errorf("%s: acked: %+v", attack, a)
		case isXML && slices.Contains(faultStatuses, a.status):
			checkFault(t, a, a.status, faultCode(a.status))
		case isXML || !slices.Contains(plainStatuses, a.status):
			t.Errorf("%s: got %+v, which the contract does not list", attack, a)
		}
	}
	for attack, outcomes := range r.outcomes {
		if outcomes[noHTTP] > 0 || len(outcomes) == 1 && outcomes[unfinished] > 0 {
			t.Errorf("%s: got %v", attack, outcomes)
		}
	}
}

func faultCode(status int) soap.FaultCode {
	if status == http.StatusServiceUnavailable {
		return soap.FaultServer
	}
	return soap.FaultClient
}

// summary returns a table of the attacks with their outcomes, and what they cost the inbox.
func (s *target) summary(load *faultLoad, sent simulate.Stats, before, after measurements) string {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\nATTACK OF %s ON %s\tTRIES\tANSWERS\n", s.duration, s.driver())
	for _, attack := range slices.Sorted(maps.Keys(s.results.tries)) {
		outcomes := []string{}
		for _, o := range slices.Sorted(maps.Keys(s.results.outcomes[attack])) {
			outcomes = append(outcomes, fmt.Sprintf("%s × %d", o, s.results.outcomes[attack][o]))
		}
		fmt.Fprintf(table, "%s\t%d\t%s\n", attack, s.results.tries[attack], strings.Join(outcomes, ", "))
	}
	_ = table.Flush() // to memory
	fmt.Fprintf(&text, "good messages: %d sent with %d notifications, %d acked; "+
		"%d deliveries, of which %d got a Fault and %d no answer; p99 %s\n", sent.Messages,
		sent.Notifications, sent.Acked, sent.Posts, load.refused, load.unanswered, sent.P99)
	fmt.Fprintf(&text, "refusals: %d, of which %d are recorded; connections closed to make room: %d\n",
		after.refusals(), after.recorded, after.shed)
	fmt.Fprintf(&text, "growth: %d KiB of the database without the notifications, %d KiB of the log "+
		"with %d lines of acks; peak memory %d MiB\n", (after.database-before.database)>>10,
		(after.log-before.log)>>10, after.acked, after.peak>>20)
	return text.String()
}
