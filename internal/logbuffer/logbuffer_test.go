package logbuffer_test

import (
	"bytes"
	"fmt"
	"io"
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

// text is the form of a log without times.
func text(w io.Writer) slog.Handler {
	return slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: untimed})
}

// untimed leaves out the time of a line.
func untimed(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
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
		b := logbuffer.New(s, text)
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
		b := logbuffer.New(s, text)
		defer b.Close()
		log := slog.New(b.Handler()).With("a", 1).WithGroup("g")
		log.Info("one")
		log.Warn("two", "b", 2)
		synctest.Wait()
		got := s.text.String()
		if !strings.Contains(got, "msg=one a=1\n") || !strings.Contains(got, "msg=two a=1 g.b=2\n") {
			t.Errorf("got %q", got)
		}
	})
}

func TestNothingIsLostAtTheEnd(t *testing.T) {
	t.Parallel()
	s := &sink{}
	b := logbuffer.New(s, text)
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
		b := logbuffer.New(s, text)
		log := slog.New(b.Handler())
		line := strings.Repeat("x", 100_000)
		for range 50 {
			log.Error("long", "text", line)
		}
		dropped := b.Dropped()
		if dropped < 25 || dropped > 45 {
			t.Errorf("got %d lines dropped of 5 MB, want those beyond 1 MiB or two", dropped)
		}
		close(s.blocked)
		synctest.Wait()
		got := s.text.String()
		if missing(got) != dropped { // a further line is not needed for that
			t.Errorf("got %d lines missing, want %d: …%q", missing(got), dropped, got[max(0, len(got)-300):])
		}
		if got := strings.Count(got, "text="+line); int64(got)+dropped != 50 {
			t.Errorf("got %d lines and %d dropped of 50", got, dropped)
		}
		log.Info("next")
		b.Close()
		if next := s.text.String(); next != got+"level=INFO msg=next\n" {
			t.Errorf("got …%q, want the next line and no further notice", next[len(got):])
		}
	})
}

const dropping = "log lines dropped: the log is not read fast enough"

// missing returns how many lines are missing in a log, as it says.
func missing(log string) (lines int64) {
	for line := range strings.Lines(log) {
		var n int64
		if _, err := fmt.Sscanf(line, "level=WARN msg=\""+dropping+"\" lines=%d\n", &n); err == nil {
			lines += n
		}
	}
	return lines
}

// What is missing at the end is mentioned at the end, whatever the level and attributes of the log.
func TestTheEndSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sink{blocked: make(chan struct{})}
		b := logbuffer.New(s, func(w io.Writer) slog.Handler {
			return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelError, ReplaceAttr: untimed})
		})
		log := slog.New(b.Handler()).WithGroup("g").With("a", 1)
		for range 3 {
			log.Error("long", "text", strings.Repeat("x", 600_000))
			synctest.Wait() // the first is being written
		}
		closed := make(chan struct{})
		go func() { b.Close(); close(closed) }()
		synctest.Wait()
		close(s.blocked)
		<-closed
		want := `{"level":"WARN","msg":"` + dropping + `","lines":1}` + "\n"
		got := s.text.String()
		if !strings.HasSuffix(got, want) || strings.Count(got, `"msg":"long"`) != 2 {
			t.Errorf("got …%q, want two lines and …%q", got[max(0, len(got)-300):], want)
		}
	})
}

// Whoever logs while the buffer is being closed comes after what waits, and does not wait either.
func TestLinesAtTheEndKeepTheirOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sink{blocked: make(chan struct{})}
		b := logbuffer.New(s, text)
		fmt.Fprintln(b, "first")
		b.Close() // in vain: nobody reads
		fmt.Fprintln(b, "second")
		close(s.blocked)
		synctest.Wait()
		if got := s.text.String(); got != "first\nsecond\n" {
			t.Errorf("got %q, want both in order", got)
		}
	})
}

// The buffer changes no byte of what a handler of its own would write.
func TestLinesHaveTheFormOfTheHandler(t *testing.T) {
	t.Parallel()
	for name, form := range map[string]func(io.Writer) slog.Handler{
		"text": text,
		"json": func(w io.Writer) slog.Handler {
			return slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: untimed})
		},
	} {
		var want bytes.Buffer
		s := &sink{}
		b := logbuffer.New(s, form)
		for _, h := range []slog.Handler{form(&want), b.Handler()} {
			log := slog.New(h).With("a", 1).WithGroup("g")
			log.Info("acked", "duration", 3*time.Millisecond, "text", "two words\n\"x\"", "n", 5)
			log.Warn("refused", slog.Any("error", io.ErrUnexpectedEOF), slog.Group("h", "b", true))
			log.Debug("not logged")
		}
		b.Close()
		if got := s.text.String(); got != want.String() || got == "" {
			t.Errorf("%s: got %q, want %q", name, got, want.String())
		}
	}
}

// Nobody reads the log, and what ends does so all the same.
func TestTheEndDoesNotWaitForALogThatNobodyReads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sink{blocked: make(chan struct{})}
		b := logbuffer.New(s, text)
		fmt.Fprintln(b, "x")
		started := time.Now()
		if b.Close(); time.Since(started) != 2*time.Second {
			t.Errorf("closed after %s, want 2 s", time.Since(started))
		}
		close(s.blocked)
	})
}
