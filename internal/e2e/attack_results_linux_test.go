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

// What an attack can come to beside the status of an answer.
const (
	closed     = "closed"       // the inbox hung up without a word
	unfinished = "unfinished"   // the attack ended first
	alert      = "alert"        // of TLS
	handshake  = "handshake"    // of TLS, which went no further
	noHTTP     = "not readable" // which must not be
)

// book has what the attacks came to.
type attackResults struct {
	secrets []string

	mu       sync.Mutex
	tries    map[string]int            // by attack
	outcomes map[string]map[string]int // by attack: how often
	answers  map[answer]string         // the attack that got an answer first
	faults   int                       // how many of the answers were Faults
	leaks    map[string]bool           // what was told that must not be, and to whom
}

func newAttackResults(secrets []string) *attackResults {
	return &attackResults{
		secrets: append(secrets, "SessionMarker", fieldMarker, tokenMarker, hiddenID, "BEGIN CERTIFICATE", "goroutine ",
			".go:", "net/http", "\nServer:", "\nX-Powered-By:", "\nLocation:", "\nWww-Authenticate:"),
		tries: map[string]int{}, outcomes: map[string]map[string]int{}, answers: map[answer]string{},
		leaks: map[string]bool{},
	}
}

// note writes down what a try received until the inbox hung up, or until the attack was over.
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

// understood reads what was received on a connection: all answers, or what it was instead.
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
		if a.status == 0 { // the connection ended within it
			return answers, append(outcomes, unfinished)
		}
		answers, outcomes = append(answers, a), append(outcomes, fmt.Sprint(a.status))
	}
}

// The statuses of the contract: of Faults, and of what is answered elsewhere or by net/http before there is a path.
var (
	faultStatuses = []int{400, 403, 404, 405, 413, 415, 429, 503}
	plainStatuses = []int{100, 200, 400, 404, 405, 417, 431, 501, 505}
)

// check makes sure that no attack was acked or told more than it may know, and that each was answered somehow.
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
			t.Errorf("%s: got %+v, which is in no contract", attack, a)
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

// summary is a table of what was tried and what came of it, and how the inbox bore it.
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
	fmt.Fprintf(&text, "good messages: %d sent with %d notifications, %d acked; deliveries %d, of them failed: %d by a "+
		"Fault, %d without an answer; p99 %s\n", sent.Messages, sent.Notifications, sent.Acked, sent.Posts, load.refused,
		load.unanswered, sent.P99)
	fmt.Fprintf(&text, "refused: %d, of them recorded: %d; connections closed to make room: %d\n",
		after.refusals(), after.recorded, after.shed)
	fmt.Fprintf(&text, "grown: the database beside the messages by %d KiB, the log by %d KiB with %d lines of acks; "+
		"peak memory %d MiB\n", (after.database-before.database)>>10, (after.log-before.log)>>10, after.acked, after.peak>>20)
	return text.String()
}
