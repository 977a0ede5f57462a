//go:build !race

package e2e_test

import "time"

const raceEnabled = false

// hugeSize is just below the limit of a body, in bytes.
const hugeSize = 63 << 20

// acksBetweenCrashes is how many notifications are acked between two crashes, enough for several
// transactions to be open at each.
const acksBetweenCrashes = 1000

// answersWithin bounds the time of a 503 while the database is down.
const answersWithin = 2 * time.Second

// manySenders is how many senders of each kind post at once.
const manySenders = 40
