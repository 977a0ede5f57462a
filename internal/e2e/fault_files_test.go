package e2e_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"ackbox/store/storetest"
)

// TestFaultSQLiteFilesGone moves a file of the database away under load, and back. SQLite itself
// would go on to write to it wherever it is.
func TestFaultSQLiteFilesGone(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("a file that is open cannot be moved")
	}
	folder := t.TempDir()
	path := filepath.Join(folder, "ackbox.db")
	s := startWith(t, "sqlite:"+path, "crm")
	load := s.startLoad(unreliableSender)
	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	for range times(1, 10) {
		for _, file := range []string{path, path + "-wal"} {
			load.awaitAcks(acksBetweenFaults)
			move(file, file+".away")
			s.requireUnavailable()
			load.awaitRefusals(20)
			move(file+".away", file)
		}
	}
	load.awaitAcks(acksBetweenFaults)
	load.stop()
	load.checkStored("files of the database moved away and back", storetest.SQLite, s.export())
}
