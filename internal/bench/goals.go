package main

import (
	"fmt"

	"ackbox/store/storetest"
)

// The goals of ackbox on PostgreSQL, with as many senders as Salesforce may have.
const (
	goalSenders = 64
	goalP99     = 0.25 // of the plain listener's
	goalMemory  = 150  // MiB
	goalHeld    = 0.8  // of the rate with the fewest notifications stored
)

// goalRate is the goal for the rate as a multiple of that of the plain listener, by the number of
// notifications in a message.
var goalRate = map[int]float64{1: 4, 100: 6}

// goals returns a line for each goal that the runs allow to check: whether it is met.
func (r report) goals() (lines []string) {
	check := func(met bool, format string, args ...any) {
		verdict := "PASS "
		if !met {
			verdict = "below"
		}
		lines = append(lines, "- "+verdict+" "+fmt.Sprintf(format, args...))
	}
	for _, own := range medians(r.runs) {
		rate, measured := goalRate[own.notifications]
		if own.listener != "ackbox" || own.database != storetest.Postgres ||
			own.senders != goalSenders || !measured {
			continue
		}
		if q, ok := r.ratio(own, result{load: own.load, listener: "plain"}); ok {
			check(q.rate >= rate, "%s: %s the plain rate, goal %.0f", own.load, times(q.rate), rate)
			check(q.p99 <= goalP99, "%s: %s the plain p99, goal %.2f", own.load, times(q.p99), goalP99)
		}
		check(own.memory < goalMemory, "%s: %.0f MiB, goal under %d", own.load, own.memory, goalMemory)
		few := own
		few.stored = r.fewest()
		if q, ok := r.ratio(own, few); ok && few.load != own.load {
			check(q.rate >= goalHeld, "%s: %s the rate with %s stored, goal %.2f",
				own.load, times(q.rate), count(few.stored), goalHeld)
		}
	}
	return lines
}

// fewest returns the smallest number of stored notifications that was measured.
func (r report) fewest() int {
	fewest := r.runs[0].stored
	for _, run := range r.runs {
		fewest = min(fewest, run.stored)
	}
	return fewest
}
