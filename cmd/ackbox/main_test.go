package main

import (
	"bytes"
	"testing"
	"time"

	"ackbox/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// result is what a command has printed, and its exit code.
type result struct {
	out, err string
	code     int
}

// command runs a command line as main does.
func command(tb testing.TB, args ...string) result {
	tb.Helper()
	var stdout bytes.Buffer
	var stderr lockedBuffer // a log of another command that runs may end up here
	code := run(tb.Context(), args, terminal{&stdout, &stderr})
	return result{stdout.String(), stderr.String(), code}
}

// on runs a command on a database.
func on(tb testing.TB, url string, args ...string) result {
	tb.Helper()
	return command(tb, append(args, "--database-url", url)...)
}

var t0 = time.Date(2026, 11, 22, 1, 2, 3, 456789000, time.UTC)
