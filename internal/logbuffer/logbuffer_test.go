package logbuffer_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ackbox/internal/logbuffer"
)

// sink is where a log is written. While it is blocked, nobody reads it.
type sink struct {
	mu      sync.Mutex
	text    bytes.Buffer
	writes  int
	blocked chan struct{}
}

func (s *sink) Write(p []byte) (int, error) {
	if s.blocked != nil {
		<-s.blocked
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	return s.text.Write(p)
}

func (s *sink) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Fields(s.text.String())
}

func TestLinesAreWrittenTogetherAndSoon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		b := logbuffer.New(s)
		defer b.Close()
		for i := range 1000 {
			fmt.Fprintln(b, i)
		}
		synctest.Wait()
		if got := s.lines(); len(got) > 0 {
			t.Errorf("got %d lines at once, want them to wait", len(got))
		}
		<-time.After(100 * time.Millisecond)
		synctest.Wait()
		if got := s.lines(); len(got) != 1000 || got[0] != "0" || got[999] != "999" || s.writes != 1 {
			t.Errorf("got %d lines in %d writes, want 1000 in one", len(got), s.writes)
		}
		fmt.Fprintln(b, "more")
		<-time.After(100 * time.Millisecond)
		synctest.Wait()
		if got := s.lines(); len(got) != 1001 {
			t.Errorf("got %d lines, want the next one", len(got))
		}
	})
}

func TestWarningsAreWrittenAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		b := logbuffer.New(s)
		defer b.Close()
		log := slog.New(b.Handler(slog.NewTextHandler(b, nil))).With("a", 1).WithGroup("g")
		log.Info("one")
		log.Warn("two", "b", 2)
		synctest.Wait()
		if got := s.text.String(); !strings.Contains(got, "msg=one a=1\n") || !strings.Contains(got, "msg=two a=1 g.b=2\n") {
			t.Errorf("got %q", got)
		}
	})
}

func TestNothingIsLostAtTheEnd(t *testing.T) {
	t.Parallel()
	s := &sink{}
	b := logbuffer.New(s)
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for i := range 1000 {
				fmt.Fprintf(b, "%d-%d\n", w, i)
			}
		})
	}
	writers.Wait()
	b.Close()
	next := map[string]int{}
	for _, line := range s.lines() {
		writer, number, _ := strings.Cut(line, "-")
		if number != fmt.Sprint(next[writer]) {
			t.Fatalf("got %s, want %d", line, next[writer])
		}
		next[writer]++
	}
	if len(next) != 8 || next["7"] != 1000 {
		t.Errorf("got %v", next)
	}
	fmt.Fprintln(b, "late")
	if got := s.lines(); got[len(got)-1] != "late" {
		t.Error("what is logged after the end is lost")
	}
	b.Close()
}

// Nobody reads the log: whoever logs goes on, and the log says later what it lacks.
func TestAFullBufferDropsAndCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sink{blocked: make(chan struct{})}
		b := logbuffer.New(s)
		log := slog.New(b.Handler(slog.NewTextHandler(b, nil)))
		line := strings.Repeat("x", 100_000)
		for range 50 {
			log.Error("long", "text", line)
		}
		dropped := b.Dropped()
		if dropped < 25 || dropped > 45 {
			t.Errorf("got %d lines dropped of 5 MB, want those beyond 1 MiB or two", dropped)
		}
		close(s.blocked)
		<-time.After(time.Second)
		synctest.Wait()
		log.Info("next")
		b.Close()
		got := s.text.String()
		if !strings.Contains(got, fmt.Sprintf("lines=%d\n", b.Dropped())) || !strings.HasSuffix(got, "msg=next\n") {
			t.Errorf("got …%q, want %d dropped", got[max(0, len(got)-300):], b.Dropped())
		}
		if got := strings.Count(got, "text="+line); int64(got)+dropped != 50 {
			t.Errorf("got %d lines and %d dropped of 50", got, dropped)
		}
	})
}

func TestTheEndDoesNotWaitForALogThatNobodyReads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sink{blocked: make(chan struct{})}
		b := logbuffer.New(s)
		fmt.Fprintln(b, "x")
		started := time.Now()
		if b.Close(); time.Since(started) != 2*time.Second {
			t.Errorf("closed after %s, want 2 s", time.Since(started))
		}
		close(s.blocked)
	})
}
