package e2e_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ackbox/simulate"
	"ackbox/store/storetest"
)

// TestSoak sends good and bad requests of every kind at once, for as long as ACKBOX_SOAK says, as
// in 30m. Memory, goroutines and open files must not grow.
func TestSoak(t *testing.T) {
	t.Parallel()
	lasts, err := time.ParseDuration(os.Getenv("ACKBOX_SOAK"))
	if err != nil {
		t.Skip("ACKBOX_SOAK is not a duration such as 30m")
	}
	for _, driver := range []string{storetest.SQLite, storetest.Postgres} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			s := startWith(t, storetest.URL(t, driver), "crm", "ACKBOX_ADMIN_ADDR="+freeAddr(t),
				fmt.Sprintf("ACKBOX_BODY_LIMIT=%dB", bodyLimit))
			mixed := unreliableSender
			mixed.Rate, mixed.Deleted = 30, .01
			load := s.startLoad(mixed)
			mixed.Rate, mixed.Notifications = .5, simulate.Range{Min: 20, Max: 100}
			load.sendTo(s.url("crm"), mixed)
			bad := s.sendBadRequests(t)
			samples := s.takeSamples(t, lasts)
			load.stop()
			bad()
			samples.checkFlat(t)
			load.checkStored("soak of "+lasts.String(), driver, s.export())
		})
	}
}

// sendBadRequests sends 20 requests a second that must be refused and resets a connection within a
// body once a second, until end is called.
func (s *server) sendBadRequests(t *testing.T) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	attacks := slices.DeleteFunc(append(hostileXML(), hostileHTTP()...), func(h hostile) bool {
		return h.source != "" || h.status == 403 // there is one source here, open to all
	})
	go func() {
		defer close(done)
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for i := 0; ctx.Err() == nil; i++ {
			if i%20 == 0 {
				s.abandon(t)
			}
			if got := s.attack(t, attacks[i%len(attacks)]); got.status == 200 {
				t.Errorf("%s: acked", attacks[i%len(attacks)].name)
			}
			<-ticker.C
		}
	}()
	end = func() {
		cancel()
		<-done
	}
	t.Cleanup(end)
	return end
}

// sample is what a process uses at one moment.
type sample struct{ memory, goroutines, files int }

func (s sample) String() string {
	return fmt.Sprintf("%d MiB, %d goroutines, %d files", s.memory>>20, s.goroutines, s.files)
}

type samples []sample

// takeSamples takes a sample every 10 s, or 30 in all if that is more often.
func (s *server) takeSamples(t *testing.T, lasts time.Duration) samples {
	t.Helper()
	var all samples
	ticker := time.NewTicker(min(10*time.Second, lasts/30))
	defer ticker.Stop()
	for end := time.After(lasts); ; {
		select {
		case <-end:
			return all
		case <-ticker.C:
			all = append(all, s.sample(t))
		}
	}
}

var (
	residentMemory = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)
	goroutines     = regexp.MustCompile(`(?m)^go_goroutines (\d+)$`)
)

func (s *server) sample(t *testing.T) sample {
	t.Helper()
	proc := fmt.Sprintf("/proc/%d", s.cmd.Process.Pid)
	status, err := os.ReadFile(filepath.Join(proc, "status"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(filepath.Join(proc, "fd"))
	if err != nil {
		t.Fatal(err)
	}
	page := get(t, "http://"+s.setting("ACKBOX_ADMIN_ADDR")+"/metrics").body
	memory := number(t, residentMemory, string(status)) << 10
	return sample{memory, number(t, goroutines, page), len(files)}
}

// number returns the number that an expression finds in a text.
func number(t *testing.T, find *regexp.Regexp, text string) int {
	t.Helper()
	match := find.FindStringSubmatch(text)
	if match == nil {
		t.Fatalf("no %s in %q", find, strings.TrimSpace(text))
	}
	n, err := strconv.Atoi(match[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// median returns the median of each quantity, in which a short peak does not count.
func (all samples) median() sample {
	middle := func(of func(s sample) int) int {
		var numbers []int
		for _, s := range all {
			numbers = append(numbers, of(s))
		}
		slices.Sort(numbers)
		return numbers[len(numbers)/2]
	}
	return sample{
		middle(func(s sample) int { return s.memory }),
		middle(func(s sample) int { return s.goroutines }),
		middle(func(s sample) int { return s.files }),
	}
}

// checkFlat compares the second third of the samples with the last. The first is for warming up.
func (all samples) checkFlat(t *testing.T) {
	t.Helper()
	third := len(all) / 3
	start, middle, end := all[:third].median(), all[third:2*third].median(), all[2*third:].median()
	t.Logf("%d samples: start %v; middle %v; end %v", len(all), start, middle, end)
	fmt.Fprintf(os.Stderr, "%s: start %v; middle %v; end %v\n", t.Name(), start, middle, end)
	if end.memory > middle.memory+middle.memory/5+8<<20 {
		t.Errorf("memory grows")
	}
	if end.goroutines > middle.goroutines+8 || end.files > middle.files+8 {
		t.Errorf("goroutines or files grow")
	}
}
