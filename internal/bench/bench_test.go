package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"ackbox/store/storetest"
)

// quick returns options that measure each listener once, as briefly as possible.
func quick() options {
	return options{
		For: 300 * time.Millisecond, Repeat: 1, Databases: []string{storetest.SQLite},
		Listeners: []string{"ackbox", "plain"},
		Senders:   []int{2}, Notifications: []int{3}, Stored: []int{10}, Processes: []int{1},
	}
}

func TestBenchmarkPrintsBothListenersAndTheirRatio(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the benchmark needs Linux")
	}
	var out, progress bytes.Buffer
	if err := run(t.Context(), quick(), &out, &progress); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	for _, want := range []string{"| ackbox ", "| plain ", " × |"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report does not hold %q:\n%s", want, out.String())
		}
	}
}

// skipWithoutPostgres skips the test if err says that PostgreSQL is not installed, or fails it as tests
// of the store do.
func skipWithoutPostgres(t *testing.T, err error) {
	t.Helper()
	required := strings.Contains(os.Getenv("ACKBOX_TEST_REQUIRE"), storetest.Postgres)
	if errors.Is(err, storetest.ErrNotInstalled) && !required {
		t.Skip(err)
	}
}

func TestBenchmarkJudgesEveryGoal(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the benchmark needs Linux")
	}
	o := quick()
	o.Databases, o.Senders, o.Notifications = []string{storetest.Postgres}, []int{goalSenders}, []int{1}
	o.Stored, o.Processes = []int{0, 10}, []int{1, 2}
	var out, progress bytes.Buffer
	if err := run(t.Context(), o, &out, &progress); err != nil {
		skipWithoutPostgres(t, err)
		t.Fatalf("%v\n%s", err, progress.String())
	}
	for _, want := range []string{
		"the plain rate, goal", "the plain p99, goal", "the plain CPU time each, goal", "MiB, goal",
		"the rate with 0 stored, goal", "2 processes: ", "the rate of one process, goal",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report does not hold %q:\n%s", want, out.String())
		}
	}
}

func TestBenchmarkDelaysSyncs(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the benchmark needs Linux")
	}
	for _, database := range []string{storetest.SQLite, storetest.Postgres} {
		t.Run(database, func(t *testing.T) {
			t.Parallel()
			o := quick()
			o.Databases, o.Stored, o.SyncDelay = []string{database}, []int{0}, time.Millisecond
			var out, progress bytes.Buffer
			if err := run(t.Context(), o, &out, &progress); err != nil {
				skipWithoutPostgres(t, err)
				t.Fatalf("%v\n%s", err, progress.String())
			}
			const want = "waits 1ms before it is made"
			if text := out.String(); !strings.Contains(text, want) || strings.Contains(text, " 0 syncs waited") {
				t.Errorf("the report does not say that syncs were delayed:\n%s", text)
			}
		})
	}
}

func TestBenchmarkEndsWithItsContext(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the benchmark needs Linux")
	}
	o := quick()
	o.For = time.Hour
	const soon = 5 * time.Second // by then a run has started, or the build still runs
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	var out bytes.Buffer
	if err := run(ctx, o, &out, io.Discard); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
}

func TestStatLinesAreReadWhateverTheNameOfTheProcess(t *testing.T) {
	t.Parallel()
	const line = "42 (a) b (c) S 7 42 42 0 -1 4194304 100 200 0 0 150 50 30 20 20 0 1 0 100 1000 50"
	got, err := parseStat(line)
	if err != nil {
		t.Fatal(err)
	}
	if want := (process{parent: 7, own: 2 * time.Second, children: time.Second / 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if _, err := parseStat("42 (a) S 7"); err == nil {
		t.Error("a truncated line is accepted")
	}
}

// measured returns a result on PostgreSQL with messages of one notification and 64 senders.
func measured(listener string, stored int, f figures) result {
	return result{load{storetest.Postgres, stored, 1, goalSenders, 1}, listener, f}
}

func TestResultsAreTheMediansOfTheirRuns(t *testing.T) {
	t.Parallel()
	got := medians([]result{
		measured("ackbox", 0, figures{rate: 3, p99: 9}), measured("plain", 0, figures{rate: 1}),
		measured("ackbox", 0, figures{rate: 1, p99: 8}), measured("plain", 0, figures{rate: 2}),
		measured("ackbox", 0, figures{rate: 2, p99: 7}),
	})
	want := []result{
		measured("ackbox", 0, figures{rate: 2, p99: 8}), measured("plain", 0, figures{rate: 1.5}),
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{}, load{}, figures{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRatiosAreThoseOfNeighbours(t *testing.T) {
	t.Parallel()
	r := report{runs: []result{ // the machine was busy in the first round and briefly in the second
		measured("ackbox", 0, figures{rate: 40}), measured("plain", 0, figures{rate: 10}),
		measured("ackbox", 0, figures{rate: 400}), measured("plain", 0, figures{rate: 20}),
		measured("ackbox", 0, figures{rate: 400}), measured("plain", 0, figures{rate: 100}),
	}}
	got, ok := r.ratio(measured("ackbox", 0, figures{}), measured("plain", 0, figures{}))
	if !ok || got.rate != 4 {
		t.Errorf("got %v, %v, want a rate of 4", got.rate, ok)
	}
	if _, ok := r.ratio(measured("ackbox", 0, figures{}), measured("plain", 1, figures{})); ok {
		t.Error("got a ratio to a series without runs")
	}
}

func TestGoalsAreJudged(t *testing.T) {
	t.Parallel()
	plain := figures{rate: 1000, p99: 40, cost: 300}
	shared := measured("ackbox", 0, figures{rate: 4700, memory: 300})
	shared.processes = 2
	large := func(listener string, f figures) result {
		r := measured(listener, 0, f)
		r.notifications = 100
		return r
	}
	r := report{runs: []result{
		measured("ackbox", 0, figures{rate: 5000, p99: 20, cost: 60, memory: 100}),
		measured("plain", 0, plain), shared,
		measured("ackbox", 1_000_000, figures{rate: 3500, p99: 5, cost: 75, memory: 200}),
		measured("plain", 1_000_000, plain),
		large("ackbox", figures{rate: 4500, p99: 10, cost: 54, memory: 160}), large("plain", plain),
	}}
	const few = "postgres, 0 stored, 64 senders, messages of 1: "
	const two = "postgres, 0 stored, 64 senders, messages of 1, 2 processes: "
	const many = "postgres, 1,000,000 stored, 64 senders, messages of 1: "
	const hundred = "postgres, 0 stored, 64 senders, messages of 100: "
	want := []string{
		"- PASS  " + few + "5.00 × the plain rate, goal at least 4",
		"- below " + few + "0.50 × the plain p99, goal at most 0.25",
		"- PASS  " + few + "0.20 × the plain CPU time each, goal at most 0.2",
		"- PASS  " + few + "100 MiB, goal at most 160",
		"- below " + two + "0.94 × the rate of one process, goal at least 0.95",
		"- below " + many + "3.50 × the plain rate, goal at least 4",
		"- PASS  " + many + "0.12 × the plain p99, goal at most 0.25",
		"- below " + many + "0.25 × the plain CPU time each, goal at most 0.2",
		"- below " + many + "200 MiB, goal at most 160",
		"- below " + many + "0.70 × the rate with 0 stored, goal at least 0.9",
		"- below " + hundred + "4.50 × the plain rate, goal at least 5",
		"- PASS  " + hundred + "0.25 × the plain p99, goal at most 0.25",
		"- below " + hundred + "0.18 × the plain CPU time each, goal at most 0.17",
		"- PASS  " + hundred + "160 MiB, goal at most 160",
	}
	if diff := cmp.Diff(want, r.goals()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	r.options.SyncDelay = time.Millisecond
	if got := r.goals(); len(got) > 0 {
		t.Errorf("goals with a slow disk: %q", got)
	}
}

func TestSendsAreSummedUp(t *testing.T) {
	t.Parallel()
	got := sum([]sent{
		{Posts: 3, Acked: 2, Failed: 1, Reasons: map[string]int64{"a": 1}, Elapsed: 2, Rate: 1,
			P50: 1, P99: 8, P999: 9, cpu: time.Second},
		{Posts: 4, Acked: 3, Failed: 1, Reasons: map[string]int64{"a": 1, "b": 1}, Elapsed: 1, Rate: 3,
			P50: 2, P99: 7, P999: 7, cpu: time.Second},
	})
	want := sent{Posts: 7, Acked: 5, Failed: 2, Reasons: map[string]int64{"a": 2, "b": 1}, Elapsed: 2,
		Rate: 2.5, P50: 2, P99: 8, P999: 9, cpu: 2 * time.Second}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(sent{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMoreProcessesAreMeasuredOnPostgreSQLWithTheFirstOfStored(t *testing.T) {
	t.Parallel()
	o := options{
		Databases: []string{storetest.SQLite, storetest.Postgres}, Notifications: []int{1},
		Senders: []int{64}, Stored: []int{0, 10}, Processes: []int{1, 2},
	}
	want := []load{
		{storetest.SQLite, 0, 1, 64, 1}, {storetest.SQLite, 10, 1, 64, 1},
		{storetest.Postgres, 0, 1, 64, 1}, {storetest.Postgres, 0, 1, 64, 2},
		{storetest.Postgres, 10, 1, 64, 1},
	}
	if diff := cmp.Diff(want, o.loads(), cmp.AllowUnexported(load{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDocumentedOptionsAreAccepted(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?m)^\\| `(--[^`]+)` \\|").FindAllStringSubmatch(string(text), -1)
	if len(examples) == 0 {
		t.Error("docs/performance.md has no options")
	}
	for _, example := range examples {
		var o options
		parser, err := kong.New(&o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(strings.Fields(example[1])); err != nil {
			t.Errorf("%s: %v", example[1], err)
		}
		if len(o.loads()) == 0 {
			t.Errorf("%s measures nothing", example[1])
		}
	}
}

func TestOverloadIsMeasuredOnOneServer(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the benchmark needs Linux")
	}
	o := quick()
	o.Overload, o.Stored = true, []int{0}
	var out, progress bytes.Buffer
	if err := run(t.Context(), o, &out, &progress); err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	for _, want := range []string{
		"queue limit 2: 10 times the senders have", "queue limit 4,096: 10 times the senders have",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report does not hold %q:\n%s", want, out.String())
		}
	}
}

func TestOverloadIsJudgedByTheRatiosOfItsRuns(t *testing.T) {
	t.Parallel()
	full := overload{load{storetest.SQLite, 0, 1, 64, 1}, 64}
	large := overload{full.load, 4096}
	report := overloadReport([]overloadRun{ // the machine was busy in the second run
		{full, throughput{acked: 100}, throughput{acked: 90, refused: 7}},
		{full, throughput{acked: 10}, throughput{acked: 8, refused: 7}},
		{full, throughput{acked: 100}, throughput{acked: 20, refused: 7}},
		{large, throughput{acked: 100}, throughput{acked: 79}},
	})
	for _, want := range []string{
		"- PASS  sqlite, 0 stored, 64 senders, messages of 1, queue limit 64: " +
			"10 times the senders have 0.80 × the rate, goal 0.80",
		"- below sqlite, 0 stored, 64 senders, messages of 1, queue limit 4,096: " +
			"10 times the senders have 0.79 × the rate, goal 0.80",
	} {
		if !strings.Contains(report, want) {
			t.Errorf("the report does not hold %q:\n%s", want, report)
		}
	}
}
