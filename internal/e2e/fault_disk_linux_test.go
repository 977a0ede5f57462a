package e2e_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ackbox/simulate"
	"ackbox/soap"
	"ackbox/store/storetest"
)

// smallDisk is a small file system that belongs to the owner of the database.
type smallDisk struct {
	folder, ballast string
}

const (
	diskSize    = 48 << 20
	ballastSize = 40 << 20 // on a disk with data
	walBallast  = 24 << 20 // on a disk with a segment of the WAL: leaves no room for another
)

// newSmallDisk mounts a small disk, and unmounts it when the test ends.
func newSmallDisk(t *testing.T, fault, driver string, owner *syscall.Stat_t) *smallDisk {
	t.Helper()
	folder, err := os.MkdirTemp("", "ackbox-disk-") // unlike t.TempDir, open to the user of PostgreSQL
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	options := fmt.Sprintf("size=%d,mode=0700,uid=%d,gid=%d", diskSize, owner.Uid, owner.Gid)
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, options); err != nil {
		skipFault(t, fault, driver, "no tmpfs can be mounted: "+err.Error())
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(folder, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return &smallDisk{folder, filepath.Join(folder, "ballast")}
}

// fill writes a ballast of a size, in bytes.
func (d *smallDisk) fill(t *testing.T, size int) {
	t.Helper()
	if err := os.WriteFile(d.ballast, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
}

// fillUp writes a ballast that takes all room.
func (d *smallDisk) fillUp(t *testing.T) {
	t.Helper()
	file, err := os.Create(d.ballast)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for page := make([]byte, 4096); err == nil; {
		_, err = file.Write(page)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}

// makeRoom deletes the ballast.
func (d *smallDisk) makeRoom(t *testing.T) {
	t.Helper()
	if err := os.Remove(d.ballast); err != nil {
		t.Fatal(err)
	}
}

func TestFaultDiskFull(t *testing.T) {
	t.Parallel()
	eachDriver(t, func(t *testing.T, driver string) {
		const fault = "disk full"
		disk, database := databaseOnSmallDisk(t, fault, driver)
		disk.fill(t, ballastSize)
		s := startWith(t, database, "crm")
		large := unreliableSender
		large.Notifications = simulate.Range{Min: 50, Max: 100}
		load := s.startLoad(large)
		load.awaitRefusals(20)
		for i := range 3 {
			s.requireRefused(t, generator(t, uint64(i)+1).Message(100).Append(nil))
		}
		eventually(t, testTimeout, "/readyz reports the full disk", func() bool {
			return s.reports("the disk of the database is full")
		})
		disk.makeRoom(t)
		load.awaitAcks(1000)
		load.stop()
		load.checkStored(fault+", then room again", driver, s.export())
	})
}

// TestFaultDiskFullIsReported fills a disk to the brim. /readyz then says so: on SQLite at once, on
// PostgreSQL, which may have room in its files, once a message was refused.
func TestFaultDiskFullIsReported(t *testing.T) {
	t.Parallel()
	eachDriver(t, func(t *testing.T, driver string) {
		disk, database := databaseOnSmallDisk(t, "disk full, /readyz", driver)
		s := startWith(t, database, "crm")
		s.ready()
		disk.fillUp(t)
		full := func() bool { return s.reports("the disk of the database is full") }
		awaitReport := func() { eventually(t, testTimeout, "/readyz reports the full disk", full) }
		if driver == storetest.SQLite {
			awaitReport()
		}
		large := generator(t, 1)
		eventually(t, testTimeout, "a message is refused", func() bool {
			return post(t, s.url("crm"), large.Message(100).Append(nil)).status != http.StatusOK
		})
		awaitReport() // its answer may be 100 ms old
		ticker := time.NewTicker(100 * time.Millisecond)
		defer ticker.Stop()
		for started := time.Now(); time.Since(started) < 8*time.Second; <-ticker.C { // longer than 5 s
			if !full() {
				t.Fatalf("/readyz: got %+v, want the full disk", get(t, s.base()+"/readyz"))
			}
		}
		disk.makeRoom(t)
		s.ready()
		requireAck(t, post(t, s.url("crm"), one("0001")))
	})
}

// reports reports whether /readyz says that messages are not stored because of a problem.
func (s *server) reports(problem string) bool {
	s.tb.Helper()
	got := get(s.tb, s.base()+"/readyz")
	return got.status == http.StatusServiceUnavailable && strings.Contains(got.body, problem)
}

// requireRefused posts a message that must be refused with a 503. It waits behind those of the
// load.
func (s *server) requireRefused(t *testing.T, body []byte) {
	t.Helper()
	checkFault(t, post(t, s.url("crm"), body), http.StatusServiceUnavailable, soap.FaultServer)
}

// databaseOnSmallDisk creates a database on a small disk: the file of SQLite, or the tables of
// PostgreSQL without its write-ahead log.
func databaseOnSmallDisk(t *testing.T, fault, driver string) (*smallDisk, string) {
	t.Helper()
	if driver == storetest.SQLite {
		disk := newSmallDisk(t, fault, driver, ownerOf(t, t.TempDir()))
		return disk, "sqlite:" + filepath.Join(disk.folder, "ackbox.db")
	}
	cluster := storetest.NewCluster(t, storetest.Options{})
	db := openCluster(t, cluster)
	disk := newSmallDisk(t, fault, driver, ownerOf(t, dataOf(t, cluster)))
	for _, statement := range []string{
		"create tablespace small location '" + disk.folder + "'",
		"create database inbox tablespace small",
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return disk, cluster.URL("inbox")
}

// TestFaultLogDiskFull fills the disk of the write-ahead log of PostgreSQL, which makes it panic.
func TestFaultLogDiskFull(t *testing.T) {
	t.Parallel()
	const fault = "disk of the WAL full, PostgreSQL panics"
	cluster := storetest.NewCluster(t, storetest.Options{})
	data := dataOf(t, cluster)
	disk := newSmallDisk(t, fault, storetest.Postgres, ownerOf(t, data))
	stopCluster(t, cluster)
	wal := filepath.Join(data, "pg_wal")
	if output, err := exec.Command("mv", wal, disk.folder).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	if err := os.Symlink(filepath.Join(disk.folder, "pg_wal"), wal); err != nil {
		t.Fatal(err)
	}
	startCluster(t, cluster)
	s := startWith(t, cluster.URL("postgres"), "crm")
	disk.fill(t, walBallast)
	large := unreliableSender
	large.Notifications = simulate.Range{Min: 50, Max: 100}
	load := s.startLoad(large)
	load.awaitRefusals(20)
	for i := range 3 {
		s.requireRefused(t, generator(t, uint64(i)+1).Message(100).Append(nil))
	}
	disk.makeRoom(t)
	stopCluster(t, cluster) // if it still runs
	startCluster(t, cluster)
	load.awaitAcks(1000)
	load.stop()
	load.checkStored(fault, storetest.Postgres, s.export())
}

// dataOf returns the data directory of a cluster.
func dataOf(t *testing.T, cluster *storetest.Cluster) (folder string) {
	t.Helper()
	if err := openCluster(t, cluster).QueryRow("show data_directory").Scan(&folder); err != nil {
		t.Fatal(err)
	}
	return folder
}

func ownerOf(t *testing.T, path string) *syscall.Stat_t {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t)
}
