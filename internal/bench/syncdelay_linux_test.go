package main

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func TestSyncsAreDelayedInThreadsAndTheirProcesses(t *testing.T) {
	t.Parallel()
	const delay = 20 * time.Millisecond
	s := &syncDelay{delay: delay}
	var took time.Duration
	if err := s.onThread(func() (err error) { took, err = syncTime(t.TempDir()); return err }); err != nil {
		t.Fatal(err)
	}
	if took < delay {
		t.Errorf("a sync takes %s, want at least %s", took, delay)
	}
	before := s.syncs.Load()
	dd := exec.Command("dd", "if=/dev/zero", "of="+filepath.Join(t.TempDir(), "file"), "bs=1", "count=1",
		"conv=fsync")
	if err := s.start(dd); err != nil {
		t.Fatal(err)
	}
	if err := dd.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := s.syncs.Load() - before; got != 1 {
		t.Errorf("%d syncs of the process were delayed, want 1", got)
	}
}
