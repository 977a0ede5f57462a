package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// figures are the measurements of a run. CPU time is given in cores: CPU seconds per second.
type figures struct {
	envelopes, rate                float64 // per second; rate counts acked notifications
	p50, p99, p999                 float64 // ms
	ownCPU, databaseCPU, senderCPU float64 // cores of the listener, PostgreSQL and the sender
	ownCost, databaseCost, cost    float64 // CPU µs per notification: listener, PostgreSQL, both
	memory                         float64 // the listener's peak, MiB
	failed                         float64 // notifications without an Ack
}

// columns are the figures in the table.
var columns = []struct {
	title    string
	value    func(f *figures) *float64
	decimals int
}{
	{"envelopes/s", func(f *figures) *float64 { return &f.envelopes }, 0},
	{"notifications/s", func(f *figures) *float64 { return &f.rate }, 0},
	{"p50 ms", func(f *figures) *float64 { return &f.p50 }, 1},
	{"p99 ms", func(f *figures) *float64 { return &f.p99 }, 1},
	{"p99.9 ms", func(f *figures) *float64 { return &f.p999 }, 1},
	{"cores: listener", func(f *figures) *float64 { return &f.ownCPU }, 2},
	{"database", func(f *figures) *float64 { return &f.databaseCPU }, 2},
	{"sender", func(f *figures) *float64 { return &f.senderCPU }, 2},
	{"µs each: listener", func(f *figures) *float64 { return &f.ownCost }, 1},
	{"database", func(f *figures) *float64 { return &f.databaseCost }, 1},
	{"both", func(f *figures) *float64 { return &f.cost }, 1},
	{"memory MiB", func(f *figures) *float64 { return &f.memory }, 0},
	{"not acked", func(f *figures) *float64 { return &f.failed }, 0},
}

// medians reduces all runs of one listener under one load to one result, in the order of the first
// runs.
func medians(runs []result) (results []result) {
	for _, run := range runs {
		same := func(r result) bool { return r.load == run.load && r.listener == run.listener }
		if slices.ContainsFunc(results, same) {
			continue
		}
		m := result{load: run.load, listener: run.listener}
		for _, c := range columns {
			var values []float64
			for _, r := range runs {
				if same(r) {
					values = append(values, *c.value(&r.figures))
				}
			}
			*c.value(&m.figures) = median(values)
		}
		results = append(results, m)
	}
	return results
}

func median(values []float64) float64 {
	slices.Sort(values)
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}

// report is what is printed, in Markdown that is readable on a terminal.
type report struct {
	machine string
	options options
	syncs   *syncDelay
	runs    []result
}

// delayedText says how the disk was made slow, and what that distorts.
const delayedText = `Each fsync and fdatasync of listener and database waits %s before it is made: a seccomp
filter hands it to the benchmark, which answers late. The sync itself follows, so it takes as much longer
as the disk needs, and as waking up takes on busy CPUs. %s syncs waited; answering took the benchmark %.0f µs
of CPU time for each, which is in no column. Only the time is that of a slow disk: several files are
synced at the same time, and what is written is not limited.

`

func (r report) print(w io.Writer) error {
	times := "one run"
	if r.options.Repeat > 1 {
		times = fmt.Sprintf("medians of %d runs", r.options.Repeat)
	}
	text := fmt.Sprintf("%s; %s of %s each.\n\n", r.machine, times, r.options.For)
	if r.options.SyncDelay > 0 {
		delayed := r.syncs.syncs.Load()
		text += fmt.Sprintf(delayedText, r.options.SyncDelay, count(int(delayed)),
			float64(r.syncs.cpu.Load())/1e3/float64(max(1, delayed)))
	}
	text += table(r.rows())
	if ratios := r.ratios(); len(ratios) > 1 {
		text += "\nackbox next to the plain listener, medians of the ratios of consecutive runs:\n\n" +
			table(ratios)
	}
	if goals := r.goals(); len(goals) > 0 {
		text += "\n" + strings.Join(goals, "\n") + "\n"
	}
	_, err := io.WriteString(w, text)
	return err
}

// loadTitles are the titles of the cells that load.cells returns.
var loadTitles = []string{"database", "stored", "in a message", "senders", "processes"}

func (l load) cells() []string {
	return []string{
		l.database, count(l.stored), strconv.Itoa(l.notifications), strconv.Itoa(l.senders),
		strconv.Itoa(l.processes),
	}
}

func (r report) rows() [][]string {
	titles := append(slices.Clone(loadTitles), "listener")
	for _, c := range columns {
		titles = append(titles, c.title)
	}
	rows := [][]string{titles}
	for _, result := range medians(r.runs) {
		row := append(result.cells(), result.listener)
		for _, c := range columns {
			row = append(row, number(*c.value(&result.figures), c.decimals))
		}
		rows = append(rows, row)
	}
	return rows
}

func (r report) ratios() [][]string {
	rows := [][]string{append(slices.Clone(loadTitles),
		"rate", "p50", "p99", "p99.9", "µs each", "memory")}
	for _, own := range medians(r.runs) {
		if own.listener != "ackbox" {
			continue
		}
		if q, ok := r.ratio(own, result{load: own.load, listener: "plain"}); ok {
			rows = append(rows, append(own.cells(), times(q.rate), times(q.p50), times(q.p99),
				times(q.p999), times(q.cost), times(q.memory)))
		}
	}
	return rows
}

// ratio divides the figures of two series, run by run in the order in which they were made, and
// returns the medians. The two runs of a pair are seconds apart, so that other load on the machine
// affects both. It is not ok if one series is empty.
func (r report) ratio(of, to result) (_ figures, ok bool) {
	dividends, divisors := r.series(of), r.series(to)
	pairs := make([]result, min(len(dividends), len(divisors)))
	for i := range pairs {
		for _, c := range columns {
			*c.value(&pairs[i].figures) = *c.value(&dividends[i].figures) / *c.value(&divisors[i].figures)
		}
	}
	if len(pairs) == 0 {
		return figures{}, false
	}
	return medians(pairs)[0].figures, true
}

// series returns the runs of a listener under a load.
func (r report) series(of result) (runs []result) {
	for _, run := range r.runs {
		if run.load == of.load && run.listener == of.listener {
			runs = append(runs, run)
		}
	}
	return runs
}

func times(ratio float64) string { return strconv.FormatFloat(ratio, 'f', 2, 64) + " ×" }

// number formats a number with some decimals. From 1,000 on it has commas and no decimals.
func number(value float64, decimals int) string {
	if decimals == 0 || value >= 1000 {
		return count(int(value + 0.5))
	}
	return strconv.FormatFloat(value, 'f', decimals, 64)
}

// count formats a number as in 10,000,000.
func count(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// table formats rows, the titles first, as a Markdown table. Words are aligned to the left, figures
// to the right.
func table(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for i, row := range rows {
		for j, cell := range row {
			pad := strings.Repeat(" ", widths[j]-utf8.RuneCountInString(cell))
			if isWord(rows, j) {
				b.WriteString("| " + cell + pad + " ")
			} else {
				b.WriteString("| " + pad + cell + " ")
			}
		}
		b.WriteString("|\n")
		if i == 0 {
			b.WriteString(rule(rows, widths))
		}
	}
	return b.String()
}

// rule returns the line under the titles.
func rule(rows [][]string, widths []int) string {
	var b strings.Builder
	for j, width := range widths {
		if isWord(rows, j) {
			b.WriteString("| " + strings.Repeat("-", width) + " ")
		} else {
			b.WriteString("| " + strings.Repeat("-", width-1) + ": ")
		}
	}
	return b.String() + "|\n"
}

// isWord reports whether a column holds words, by its first cell.
func isWord(rows [][]string, column int) bool {
	return len(rows) > 1 && (rows[1][column][0] < '0' || rows[1][column][0] > '9')
}
