package main

import (
	"fmt"

	"ackbox/store/storetest"
)

// What ackbox is held to on PostgreSQL, at as many senders as Salesforce may have.
const (
	goalSenders = 64
	goalP99     = 0.25 // of the plain listener's
	goalMemory  = 150  // MiB
	goalHeld    = 0.8  // of the rate with the fewest notifications stored
)

// goalRate is how many times the plain listener's rate is to be reached, by the notifications in a message.
var goalRate = map[int]float64{1: 4, 100: 6}

// goals says which goals are met, as far as the runs can tell.
func (r report) goals() (lines []string) {
	judge := func(met bool, format string, args ...any) {
		verdict := "PASS "
		if !met {
			verdict = "below"
		}
		lines = append(lines, "- "+verdict+" "+fmt.Sprintf(format, args...))
	}
	for _, own := range r.results {
		rate, measured := goalRate[own.notifications]
		if own.listener != "ackbox" || own.database != storetest.Postgres || own.senders != goalSenders || !measured {
			continue
		}
		if plain, ok := r.find(own.load, "plain"); ok {
			judge(own.rate >= rate*plain.rate, "%s: %s the plain rate, goal %.0f", own.load, times(own.rate/plain.rate), rate)
			judge(own.p99 <= goalP99*plain.p99, "%s: %s the plain p99, goal %.2f", own.load, times(own.p99/plain.p99), goalP99)
		}
		judge(own.memory < goalMemory, "%s: %.0f MiB, goal under %d", own.load, own.memory, goalMemory)
		few := own.load
		few.stored = r.fewest()
		if first, ok := r.find(few, "ackbox"); ok && few != own.load {
			judge(own.rate >= goalHeld*first.rate, "%s: %s the rate with %s stored, goal %.2f", own.load,
				times(own.rate/first.rate), count(few.stored), goalHeld)
		}
	}
	return lines
}

// fewest is the smallest number of stored notifications that was measured.
func (r report) fewest() int {
	fewest := r.results[0].stored
	for _, result := range r.results {
		fewest = min(fewest, result.stored)
	}
	return fewest
}
