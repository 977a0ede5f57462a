package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"ackbox/store/storetest"
)

// The log is buffered: the last lines must not be lost when the server is told to end.
func TestTheLogIsCompleteAfterSIGTERM(t *testing.T) {
	t.Parallel()
	s := startWith(t, storetest.URL(t, storetest.SQLite), "crm")
	const messages = 200
	for i := range messages {
		requireAck(t, post(t, s.url("crm"), one(fmt.Sprintf("%04d", i))))
	}
	if code, _ := s.term(); code != 0 {
		t.Errorf("got exit code %d, want 0", code)
	}
	log := s.stderr.String()
	if got := strings.Count(log, `msg="message acked"`); got != messages {
		t.Errorf("got %d lines of acked messages, want %d", got, messages)
	}
	if !strings.HasSuffix(log, "msg=stopped\n") {
		t.Errorf("got …%s, want the last line to be the last", log[max(0, len(log)-200):])
	}
}

func TestAcksAreNotLoggedWithoutMessages(t *testing.T) {
	t.Parallel()
	s := startWith(t, storetest.URL(t, storetest.SQLite), "crm", "ACKBOX_LOG_MESSAGES=off")
	requireAck(t, post(t, s.url("crm"), one("0001")))
	if got := post(t, s.url("crm"), []byte("<x/>")); got.status != 400 {
		t.Errorf("got %+v, want it refused", got)
	}
	s.term()
	log := s.stderr.String()
	if strings.Contains(log, "message acked") || !strings.Contains(log, "message refused") {
		t.Errorf("got %s, want a line of the refused message alone", log)
	}
}
