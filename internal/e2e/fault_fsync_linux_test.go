package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"ackbox/store/storetest"
)

// diskFault makes every sync of some processes fail with EIO, as on a broken disk, until end is
// called.
func diskFault(t *testing.T, fault, driver string, pids ...int) (end func()) {
	t.Helper()
	if _, err := exec.LookPath("strace"); err != nil {
		skipFault(t, fault, driver, "strace is not installed")
	}
	calls := "fsync,fdatasync"
	args := []string{
		"-f", "-e", "trace=" + calls, "-e", "inject=" + calls + ":error=EIO", "-o", "/dev/null",
	}
	for _, pid := range pids {
		args = append(args, "-p", strconv.Itoa(pid))
	}
	p := spawnCommand(t, t.TempDir(), nil, "strace", args...)
	eventually(t, testTimeout, "strace is attached", func() bool {
		return p.stderr.count(" attached") >= len(pids) || !p.running()
	})
	if !p.running() {
		why := strings.TrimSpace(p.stderr.String())
		skipFault(t, fault, driver, "strace is not allowed to trace: "+why)
	}
	return func() {
		if p.running() {
			p.term() // the traced processes go on
		}
	}
}

func TestFaultSyncFails(t *testing.T) {
	t.Parallel()
	const fault = "fsync fails"
	s := startWith(t, storetest.URL(t, storetest.SQLite), "crm")
	load := s.startLoad(unreliableSender)
	for range times(1, 5) {
		load.awaitAcks(acksBetweenFaults)
		end := diskFault(t, fault, storetest.SQLite, s.cmd.Process.Pid)
		load.awaitRefusals(1)
		s.requireNoAcks(t, load)
		end()
		load.awaitAcks(acksBetweenFaults)
	}
	load.stop()
	s.kill9()
	s.restart()
	s.ready()
	load.checkStored(fault+", then kill -9", storetest.SQLite, s.export())
}

// requireNoAcks checks that messages are refused and that no other is acked meanwhile.
func (s *server) requireNoAcks(t *testing.T, load *faultLoad) {
	t.Helper()
	for i := range uint64(3) {
		s.requireRefused(t, generator(t, i+1).Message(1).Append(nil))
	}
	// The Acks of what was committed before the first failed sync have arrived by now.
	before := load.read(func() int { return len(load.ackedIDs) })
	load.awaitRefusals(20)
	if more := load.read(func() int { return len(load.ackedIDs) }) - before; more > 0 {
		t.Errorf("%d notifications were acked while every sync failed", more)
	}
}

func TestFaultPostgresSyncFails(t *testing.T) {
	t.Parallel()
	const fault = "fsync fails, PostgreSQL panics"
	cluster := storetest.NewCluster(t, storetest.Options{Settings: map[string]string{"fsync": "on"}})
	s := startWith(t, cluster.URL("postgres"), "crm")
	load := s.startLoad(unreliableSender)
	for range times(1, 5) {
		load.awaitAcks(acksBetweenFaults)
		end := diskFault(t, fault, storetest.Postgres, processesOf(t, cluster)...)
		load.awaitRefusals(20)
		s.requireNoAcks(t, load)
		end()
		stopCluster(t, cluster) // if it still runs
		startCluster(t, cluster)
		load.awaitAcks(acksBetweenFaults)
	}
	load.stop()
	load.checkStored(fault, storetest.Postgres, s.export())
}

// processesOf returns the ids of the processes of PostgreSQL, the postmaster first.
func processesOf(t *testing.T, cluster *storetest.Cluster) []int {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(dataOf(t, cluster), "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(file), "\n")
	children, err := os.ReadFile(fmt.Sprintf("/proc/%s/task/%s/children", first, first))
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, field := range strings.Fields(first + " " + string(children)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}
