package address_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ackbox/internal/access/address"
)

const (
	badFile  = "a file of address ranges has become unusable: its last good copy remains in use"
	goneFile = "a file of address ranges can no longer be read: its last good copy remains in use"
)

// watchFile runs a test with ranges from a file with one range, which the test may change.
func watchFile(
	t *testing.T, test func(t *testing.T, path string, r *address.Ranges, log *logBuffer),
) {
	t.Helper()
	path := writeFile(t, filepath.Join(t.TempDir(), "secret-name.txt"), "203.0.113.0/24\n")
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		r := watch(t, address.RangesConfig{From: []string{path}}, &log)
		advance(time.Minute)
		requirePlace(t, r, "203.0.113.9", address.Inside)
		requirePlace(t, r, "198.51.100.9", address.Outside)
		test(t, path, r, &log)
	})
}

func TestFileIsChanged(t *testing.T) {
	t.Parallel()
	watchFile(t, func(t *testing.T, path string, r *address.Ranges, log *logBuffer) {
		writeFile(t, path, "198.51.100.0/24\n# no other\n")
		advance(5 * time.Second)
		requirePlace(t, r, "203.0.113.9", address.Outside)
		requirePlace(t, r, "198.51.100.9", address.Inside)
		requireWarnings(t, r)
		if log.count("level=INFO", "added=1 removed=1") != 1 {
			t.Errorf("want the change in the log, got:\n%s", log)
		}
	})
}

// The new file has the same size and time, as a mounted configuration file may.
func TestFileIsReplaced(t *testing.T) {
	t.Parallel()
	watchFile(t, func(t *testing.T, path string, r *address.Ranges, _ *logBuffer) {
		before, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		other := writeFile(t, path+".new", "198.51.10.0/24\n")
		if err := os.Chtimes(other, before.ModTime(), before.ModTime()); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(other, path); err != nil {
			t.Fatal(err)
		}
		advance(5 * time.Second)
		requirePlace(t, r, "198.51.10.9", address.Inside)
	})
}

func TestFileBecomesUnusable(t *testing.T) {
	t.Parallel()
	watchFile(t, func(t *testing.T, path string, r *address.Ranges, log *logBuffer) {
		for i, content := range []string{
			"0.0.0.0/0\n", "", "198.51.100.0/24\nx", strings.Repeat("#", 4<<20+1),
		} {
			writeFile(t, path, content)
			advance(time.Minute)
			requirePlace(t, r, "203.0.113.9", address.Inside)
			requirePlace(t, r, "198.51.100.9", address.Outside)
			requireWarnings(t, r, badFile)
			if i == 0 && log.count("level=WARN", "0.0.0.0/0 is wider than /8") != 1 {
				t.Errorf("want one warning with the cause, got:\n%s", log)
			}
		}
		writeFile(t, path, "198.51.100.0/24")
		advance(5 * time.Second)
		requirePlace(t, r, "198.51.100.9", address.Inside)
		requireWarnings(t, r)
		if log.count("level=WARN") != 1 || log.count("loaded again") != 1 {
			t.Errorf("want one log entry for each change of condition, got:\n%s", log)
		}
	})
}

func TestFileIsRemoved(t *testing.T) {
	t.Parallel()
	watchFile(t, func(t *testing.T, path string, r *address.Ranges, log *logBuffer) {
		aside := path + ".aside"
		if err := os.Rename(path, aside); err != nil {
			t.Fatal(err)
		}
		advance(time.Minute)
		requirePlace(t, r, "203.0.113.9", address.Inside)
		requireWarnings(t, r, goneFile)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		advance(time.Minute)
		requireWarnings(t, r, goneFile)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(aside, path); err != nil { // with the same size and time
			t.Fatal(err)
		}
		advance(5 * time.Second)
		requireWarnings(t, r)
		if log.count("level=WARN") != 1 || log.count("loaded again") != 1 {
			t.Errorf("want one log entry for each change of condition, got:\n%s", log)
		}
	})
}
