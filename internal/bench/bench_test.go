package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbox/store/storetest"
)

// quick returns options that measure each listener once, as briefly as possible.
func quick() options {
	return options{
		For: 50 * time.Millisecond, Repeat: 1, Databases: []string{storetest.SQLite},
		Listeners: []string{"ackbox", "plain"},
		Senders:   []int{2}, Notifications: []int{3}, SeedRows: []int{10},
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
	return result{load{storetest.Postgres, stored, 1, goalSenders}, listener, f}
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
	plain := figures{rate: 1000, p99: 40}
	r := report{runs: []result{
		measured("ackbox", 0, figures{rate: 5000, p99: 20, memory: 100}), measured("plain", 0, plain),
		measured("ackbox", 1_000_000, figures{rate: 3500, p99: 5, memory: 200}),
		measured("plain", 1_000_000, plain),
	}}
	const few = "postgres, 0 stored, 64 senders, messages of 1: "
	const many = "postgres, 1,000,000 stored, 64 senders, messages of 1: "
	want := []string{
		"- PASS  " + few + "5.00 × the plain rate, goal 4",
		"- below " + few + "0.50 × the plain p99, goal 0.25",
		"- PASS  " + few + "100 MiB, goal under 150",
		"- below " + many + "3.50 × the plain rate, goal 4",
		"- PASS  " + many + "0.12 × the plain p99, goal 0.25",
		"- below " + many + "200 MiB, goal under 150",
		"- below " + many + "0.70 × the rate with 0 stored, goal 0.80",
	}
	if diff := cmp.Diff(want, r.goals()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
