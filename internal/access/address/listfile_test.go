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
	badFile  = "a file of address ranges has become unusable: its last good copy stays in use"
	goneFile = "a file of address ranges cannot be read any more: its last good copy stays in use"
)

// watchFile watches a file that has one range, and lets it change.
func watchFile(t *testing.T, change func(t *testing.T, path string, r *address.Ranges, log *journal)) {
	t.Helper()
	path := writeFile(t, filepath.Join(t.TempDir(), "secret-name.txt"), "203.0.113.0/24\n")
	synctest.Test(t, func(t *testing.T) {
		var log journal
		r := watch(t, address.RangesConfig{From: []string{path}}, &log)
		advance(time.Minute)
		requirePlace(t, r, "203.0.113.9", address.Inside)
		requirePlace(t, r, "198.51.100.9", address.Outside)
		change(t, path, r, &log)
	})
}

func TestFileThatChanges(t *testing.T) {
	t.Parallel()
	watchFile(t, func(t *testing.T, path string, r *address.Ranges, log *journal) {
		writeFile(t, path, "198.51.100.0/24\n# and no other\n")
		advance(5 * time.Second)
		requirePlace(t, r, "203.0.113.9", address.Outside)
		requirePlace(t, r, "198.51.100.9", address.Inside)
		requireWarnings(t, r)
		if log.count("level=INFO", "added=1 removed=1") != 1 {
			t.Errorf("want the change logged, got:\n%s", log)
		}
	})
}

// Another file of the same size and time takes its place, as configuration that is mounted does.
func TestFileThatIsReplaced(t *testing.T) {
	t.Parallel()
	watchFile(t, func(t *testing.T, path string, r *address.Ranges, _ *journal) {
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

func TestFileThatBreaks(t *testing.T) {
	t.Parallel()
	watchFile(t, func(t *testing.T, path string, r *address.Ranges, log *journal) {
		for i, content := range []string{"0.0.0.0/0\n", "", "198.51.100.0/24\nx", strings.Repeat("#", 4<<20+1)} {
			writeFile(t, path, content)
			advance(time.Minute)
			requirePlace(t, r, "203.0.113.9", address.Inside)
			requirePlace(t, r, "198.51.100.9", address.Outside)
			requireWarnings(t, r, badFile)
			if i == 0 && log.count("level=WARN", "0.0.0.0/0 is wider than /8") != 1 {
				t.Errorf("want one warning that names what is wrong, got:\n%s", log)
			}
		}
		writeFile(t, path, "198.51.100.0/24")
		advance(5 * time.Second)
		requirePlace(t, r, "198.51.100.9", address.Inside)
		requireWarnings(t, r)
		if log.count("level=WARN") != 1 || log.count("well again") != 1 {
			t.Errorf("want each change of state logged once, got:\n%s", log)
		}
	})
}

func TestFileThatIsGone(t *testing.T) {
	t.Parallel()
	watchFile(t, func(t *testing.T, path string, r *address.Ranges, log *journal) {
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
		if err := os.Rename(aside, path); err != nil { // as it was: same time, same size
			t.Fatal(err)
		}
		advance(5 * time.Second)
		requireWarnings(t, r)
		if log.count("level=WARN") != 1 || log.count("well again") != 1 {
			t.Errorf("want each change of state logged once, got:\n%s", log)
		}
	})
}
