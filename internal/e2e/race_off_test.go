//go:build !race

package e2e_test

import "time"

const raceEnabled = false

// hugeSize is just under the limit of a body.
const hugeSize = 31 << 20

// acksBetweenCrashes is how many notifications are to be acked between two crashes: several transactions are then under way.
const acksBetweenCrashes = 1000

// answersWithin is how soon Salesforce is told to come again when the database is down.
const answersWithin = 2 * time.Second
