package e2e_test

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"testing"
	"text/tabwriter"
)

// outcome is a line of the table that is printed after the tests of faults: what became of the
// notifications that were sent during a fault. Stored may be more than sent, because revisions are
// stored as well.
type outcome struct {
	fault, database     string
	sent, acked, stored int // notifications
	lost                int // contents that were acked and are not stored
	twice               int // contents that are stored more than once
	refused, unanswered int // deliveries
	note                string
}

var outcomes struct {
	mu  sync.Mutex
	all []outcome
}

// report adds a line to the table.
func report(tb testing.TB, o outcome) {
	tb.Helper()
	tb.Logf("%+v", o)
	outcomes.mu.Lock()
	defer outcomes.mu.Unlock()
	outcomes.all = append(outcomes.all, o)
}

// skipFault skips the test of a fault, and says so in the table.
func skipFault(tb testing.TB, fault, database, why string) {
	tb.Helper()
	report(tb, outcome{fault: fault, database: database, note: "SKIPPED: " + why})
	tb.Skip(why)
}

// printOutcomes prints the table, unless it is empty.
func printOutcomes(w io.Writer) {
	outcomes.mu.Lock()
	defer outcomes.mu.Unlock()
	if len(outcomes.all) == 0 {
		return
	}
	slices.SortFunc(outcomes.all, func(a, b outcome) int {
		return cmp.Or(cmp.Compare(a.fault, b.fault), cmp.Compare(a.database, b.database))
	})
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table,
		"fault\tdatabase\tsent\tacked\tstored\tlost\tstored twice\trefused\tno answer\t")
	for _, o := range outcomes.all {
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n",
			o.fault, o.database, o.sent, o.acked, o.stored, o.lost, o.twice, o.refused, o.unanswered, o.note)
	}
	_ = table.Flush() // to a terminal
}

// thorough reports whether the faults are repeated many times, as make faults does.
var thorough = os.Getenv("ACKBOX_FAULTS") == "all"

// times returns how often something is repeated.
func times(short, long int) int {
	if thorough {
		return long
	}
	return short
}
