//go:build !race

package e2e_test

const raceEnabled = false

// hugeSize is just under the limit of a body.
const hugeSize = 31 << 20

// enough is how many notifications are to be acked between two crashes: several transactions are then under way.
const enough = 1000
