//go:build race

package e2e_test

import "time"

const raceEnabled = true

// hugeSize is smaller than without the race detector, which slows reading down and takes memory
// that cannot be told from that of the messages.
const hugeSize = 2 << 20

// acksBetweenCrashes is how many notifications are acked between two crashes, enough for several
// transactions to be open at each.
const acksBetweenCrashes = 300

// answersWithin bounds the time of a 503 while the database is down. It is longer than without the
// race detector, which keeps the machine busy.
const answersWithin = 6 * time.Second

// manySenders is how many senders of each kind post at once. They are fewer than without the race
// detector, with which 200 would keep the machine busy for minutes.
const manySenders = 3
