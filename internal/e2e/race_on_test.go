//go:build race

package e2e_test

import "time"

const raceEnabled = true

// hugeSize is smaller than without the race detector, which makes reading slow and takes memory that cannot be told from
// that of the messages.
const hugeSize = 2 << 20

// acksBetweenCrashes is how many notifications are to be acked between two crashes: several transactions are then under way.
const acksBetweenCrashes = 300

// answersWithin is how soon Salesforce is told to come again when the database is down, on a machine that the race
// detector keeps busy.
const answersWithin = 6 * time.Second
