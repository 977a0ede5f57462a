package main

import (
	"fmt"

	"ackbox/store/storetest"
)

// The goals of ackbox on PostgreSQL, with as many senders as Salesforce may have, on the disk as it
// is.
const (
	goalSenders = 64
	goalP99     = 0.25 // of the plain listener's
	goalMemory  = 160  // MiB
	goalHeld    = 0.9  // of the rate with the fewest notifications stored
	goalShared  = 0.95 // of the rate of one process, by several on the same CPUs
)

// goalsNextToPlain are the goals as multiples of the plain listener, by the number of notifications
// in a message.
var goalsNextToPlain = map[int]struct {
	rate float64
	cost float64 // the CPU time of listener and database together
}{
	1:   {rate: 4, cost: 0.2},
	100: {rate: 5, cost: 0.17},
}

// goals returns a line for each goal that the runs allow to check: whether it is met.
func (r report) goals() (lines []string) {
	if r.options.SyncDelay > 0 {
		return nil
	}
	for _, own := range medians(r.runs) {
		if own.listener != "ackbox" || own.database != storetest.Postgres ||
			own.senders != goalSenders {
			continue
		}
		check := func(met bool, format string, args ...any) {
			verdict := "PASS "
			if !met {
				verdict = "below"
			}
			lines = append(lines, fmt.Sprintf("- %s %s: ", verdict, own.load)+fmt.Sprintf(format, args...))
		}
		if own.processes > 1 {
			r.checkProcesses(own, check)
			continue
		}
		r.checkNextToPlain(own, check)
		check(own.memory <= goalMemory, "%.0f MiB, goal at most %d", own.memory, goalMemory)
		r.checkStored(own, check)
	}
	return lines
}

// checkFunc notes a goal and whether it is met.
type checkFunc func(met bool, format string, args ...any)

func (r report) checkNextToPlain(own result, check checkFunc) {
	goal, set := goalsNextToPlain[own.notifications]
	q, measured := r.ratio(own, result{load: own.load, listener: "plain"})
	if !set || !measured {
		return
	}
	check(q.rate >= goal.rate, "%s the plain rate, goal at least %g", times(q.rate), goal.rate)
	check(q.p99 <= goalP99, "%s the plain p99, goal at most %g", times(q.p99), goalP99)
	check(q.cost <= goal.cost, "%s the plain CPU time each, goal at most %g", times(q.cost), goal.cost)
}

func (r report) checkStored(own result, check checkFunc) {
	few := own
	few.stored = r.fewest()
	if q, ok := r.ratio(own, few); ok && few.load != own.load {
		check(q.rate >= goalHeld, "%s the rate with %s stored, goal at least %g",
			times(q.rate), count(few.stored), goalHeld)
	}
}

func (r report) checkProcesses(own result, check checkFunc) {
	one := own
	one.processes = 1
	if q, ok := r.ratio(own, one); ok {
		check(q.rate >= goalShared, "%s the rate of one process, goal at least %g",
			times(q.rate), goalShared)
	}
}

// fewest returns the smallest number of stored notifications that was measured.
func (r report) fewest() int {
	fewest := r.runs[0].stored
	for _, run := range r.runs {
		fewest = min(fewest, run.stored)
	}
	return fewest
}
