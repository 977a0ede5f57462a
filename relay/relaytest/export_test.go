package relaytest

import (
	"testing"
	"time"
)

// Broken returns the names of the checks that a kind fails.
func Broken(t *testing.T, k Kind) (names []string) {
	t.Helper()
	for _, c := range checks(k) {
		tb := &recorder{TB: t}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			runCheck(tb, k, c, 300*time.Millisecond)
		}()
		<-ended
		tb.cleanUp()
		if tb.failed.Load() {
			names = append(names, c.name)
		}
	}
	return names
}

// Checks returns the names of the checks for a kind.
func Checks(k Kind) (names []string) {
	for _, c := range checks(k) {
		names = append(names, c.name)
	}
	return names
}
