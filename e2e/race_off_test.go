//go:build !race

package e2e_test

const raceEnabled = false

// hugeSize is just under the limit of a body.
const hugeSize = 31 << 20
