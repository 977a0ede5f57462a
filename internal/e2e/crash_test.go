package e2e_test

import (
	"path/filepath"
	"testing"
)

func TestSendCarriesOnWhenTheInboxIsKilled(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		s := startWith(t, database, "crm")
		file := filepath.Join(s.dir, "acked.txt")
		send := spawn(t, s.dir, nil, "send", s.url("crm"), "--count", "100000",
			"--concurrency", "16", "--retry", "--first-retry", "50ms", "--max-retry", "200ms",
			"--acked", file)
		for range 2 {
			s.requireAcks(acksBetweenCrashes)
			s.kill9()
			s.restart()
		}
		s.requireAcks(acksBetweenCrashes)
		s.kill9()
		if code, _ := send.term(); code != 1 {
			t.Errorf("got exit code %d of a stopped send, want 1", code)
		}
		s.restart()
		s.ready()
		requireStoredOnce(t, lines(t, file), s.export())
	})
}

// requireAcks waits until the inbox has acked n messages since its start.
func (s *server) requireAcks(n int) {
	s.tb.Helper()
	eventually(s.tb, testTimeout, "messages are acked", func() bool {
		return s.stderr.count(`msg="message acked"`) >= n
	})
}

func TestSendCountsWhatIsAcked(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		s := startWith(t, database, "crm")
		file := filepath.Join(s.dir, "acked.txt")
		flags := []string{"send", s.url("crm"), "--count", "50", "--concurrency", "16",
			"--notifications", "1-100", "--seed", "7", "--acked", file}
		s.ok(flags...)
		first := s.export()
		found := requireStoredOnce(t, lines(t, file), first)
		if len(lines(t, file)) != len(found) {
			t.Errorf("got %d acked, want all %d", len(lines(t, file)), len(found))
		}
		s.ok(flags...) // the same seed: the same messages
		if got := s.export(); len(got) != len(first) {
			t.Errorf("got %d notifications, want %d still", len(got), len(first))
		}
		s.kill9()
		if got := s.cli("send", s.url("crm")); got.code != 1 {
			t.Errorf("got exit code %d without an inbox, want 1", got.code)
		}
	})
}
