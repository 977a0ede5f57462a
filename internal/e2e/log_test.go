package e2e_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

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

func TestTheLogSaysHowGarbageIsCollected(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ percent, limit, want string }{
		{"", "", `percent=400 soft_limit="\d+(\.\d+)? [MGT]iB"`}, // by the machine's memory
		{"50", "96MiB", `percent=50 soft_limit="96 MiB"`},
		{"off", "off", `percent=off soft_limit=off`},
	} {
		s := start(t, "ACKBOX_LOG_LEVEL=debug", "GOGC="+test.percent, "GOMEMLIMIT="+test.limit)
		want := regexp.MustCompile(`(?m)msg="garbage collector" ` + test.want + `$`)
		s.term()
		if log := s.stderr.String(); !want.MatchString(log) {
			t.Errorf("GOGC=%s, GOMEMLIMIT=%s: got no %s in %s", test.percent, test.limit, want, log)
		}
	}
}

// Nobody reads the log, as when whatever collects it hangs: messages are acked all the same, and
// when it is read again, it has or counts each line.
func TestALogThatNobodyReadsStopsNoMessage(t *testing.T) {
	t.Parallel()
	s := startWith(t, storetest.URL(t, storetest.SQLite), "crm", "METRICS_TOKEN="+metricsToken)
	s.stderr.mu.Lock() // what copies the log to it waits
	acked := 0
	for ; s.droppedLines(t) == 0 && acked < 50_000; acked += 500 {
		s.postMany(t, one("0001"), 500)
	}
	s.stderr.mu.Unlock()
	if acked >= 50_000 {
		t.Error("got no line dropped, want the log to be bounded")
	}
	eventually(t, testTimeout, "the log says what it lacks", func() bool {
		return s.stderr.count("log lines dropped") > 0
	})
	dropped := s.droppedLines(t)
	requireAck(t, post(t, s.url("crm"), one("0001")))
	if code, _ := s.term(); code != 0 {
		t.Errorf("got exit code %d, want 0", code)
	}
	log := s.stderr.String()
	written := strings.Count(log, `msg="message acked"`)
	if missing := missingLines(t, log); missing != dropped || written+missing != acked+1 {
		t.Errorf("got %d lines, %d missing by the log and %d by the metric, want %d in all",
			written, missing, dropped, acked+1)
	}
}

// postMany posts a message a number of times, and requires that it is acked.
func (s *server) postMany(t *testing.T, body []byte, times int) {
	t.Helper()
	var senders errgroup.Group
	senders.SetLimit(16)
	for range times {
		senders.Go(func() error {
			if got := post(t, s.url("crm"), body); got.status != 200 {
				return fmt.Errorf("got %+v, want the Ack", got)
			}
			return nil
		})
	}
	if err := senders.Wait(); err != nil {
		t.Fatal(err)
	}
}

// droppedLines returns how many lines of the log were dropped, by the metric.
func (s *server) droppedLines(t *testing.T) int {
	t.Helper()
	page := get(t, s.base()+"/metrics", "Authorization", "Bearer "+metricsToken).body
	return sum(t, regexp.MustCompile(`(?m)^ackbox_log_lines_dropped_total (\d+)$`), page)
}

// missingLines returns how many lines a log says that it lacks.
func missingLines(t *testing.T, log string) int {
	t.Helper()
	return sum(t, regexp.MustCompile(`(?m)msg="log lines dropped: .* lines=(\d+)$`), log)
}

// sum returns the sum of the numbers that a pattern finds. There must be one.
func sum(t *testing.T, pattern *regexp.Regexp, text string) (total int) {
	t.Helper()
	found := pattern.FindAllStringSubmatch(text, -1)
	if len(found) == 0 {
		t.Fatalf("%s is not in the text", pattern)
	}
	for _, match := range found {
		n, err := strconv.Atoi(match[1])
		if err != nil {
			t.Fatal(err)
		}
		total += n
	}
	return total
}
