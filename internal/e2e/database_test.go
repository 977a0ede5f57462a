package e2e_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"ackbox/simulate"
	"ackbox/soap"
	"ackbox/store/storetest"
)

func TestADatabaseThatComesAndGoes(t *testing.T) {
	t.Parallel()
	cluster := storetest.NewCluster(t, storetest.Options{})
	stop := func(immediate bool) {
		t.Helper()
		if err := cluster.Stop(immediate); err != nil {
			t.Fatal(err)
		}
	}
	goOn := func() {
		t.Helper()
		if err := cluster.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	in := install(t, "DATABASE_URL="+cluster.URL("postgres"))
	in.add("crm")
	stop(false)
	s := in.serve() // it listens although the database is down
	s.requireUnavailable()
	goOn()
	requireAckSoon(t, s.url("crm"), one("0001"))
	s.ready()

	l := s.startSending("crm", simulate.ClientOptions{}, simulate.SenderOptions{Retry: retry})
	for range 2 {
		l.awaitAcks(acksBetweenCrashes)
		stop(true) // under load, as when the machine crashes
		s.requireUnavailable()
		goOn()
	}
	l.awaitAcks(acksBetweenCrashes)
	l.stop()
	requireStoredOnce(t, append(l.ids, "04lS10000000001IAA"), s.export())
	if log := s.stderr.String(); !strings.Contains(log, "database unavailable") {
		t.Error("the log does not say that the database was unavailable")
	}
	if code, _ := s.term(); code != 0 {
		t.Errorf("got exit code %d, want 0", code)
	}
}

// Files that are gone while the server runs are noticed before the next Ack.
func TestSQLiteFilesThatAreRemoved(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("a file that is open cannot be removed")
	}
	for _, files := range []string{"", "-wal", "-shm"} {
		t.Run("ackbox.db"+files, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "ackbox.db")
			s := start(t, "DATABASE_URL=sqlite:"+path)
			s.add("crm")
			requireAckSoon(t, s.url("crm"), one("0001"))
			s.ready()
			if err := os.Remove(path + files); err != nil {
				t.Fatal(err)
			}
			for i := range 3 {
				got := post(t, s.url("crm"), one(fmt.Sprintf("%04d", i+2)))
				checkFault(t, got, http.StatusServiceUnavailable, soap.FaultServer)
			}
			eventually(t, testTimeout, "/readyz reports it", func() bool {
				got := get(t, s.base()+"/readyz")
				return got.status == http.StatusServiceUnavailable &&
					strings.Contains(got.body, "a file of the database was removed or replaced")
			})
			if log := s.stderr.String(); !strings.Contains(log, path+files+" was removed") {
				t.Error("the log does not name the file")
			}
		})
	}
}

// openDirectly opens the database of a server without ackbox.
func openDirectly(tb testing.TB, database string) *sql.DB {
	tb.Helper()
	driver, source := "postgres", database
	if path, ok := strings.CutPrefix(database, "sqlite:"); ok {
		driver, source = "sqlite", path+"?_txlock=immediate&_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		tb.Fatal(err)
	}
	return db
}

// readinessAge is how old an answer of /readyz may be.
const readinessAge = 100 * time.Millisecond

// requireUnavailable checks that messages are answered quickly with a 503 while the database
// is down, that the process is alive, and that it says so on /readyz once its last answer
// there has expired.
func (s *server) requireUnavailable() {
	s.tb.Helper()
	begun := time.Now()
	for i := 0; i < 3 || time.Since(begun) < readinessAge; i++ {
		started := time.Now()
		got := post(s.tb, s.url("crm"), one(fmt.Sprintf("%04d", 7+i%3)))
		if took := time.Since(started); took > answersWithin {
			s.tb.Errorf("answered after %s, want %s at most", took, answersWithin)
		}
		checkFault(s.tb, got, http.StatusServiceUnavailable, soap.FaultServer)
	}
	if got := get(s.tb, s.base()+"/readyz"); got.status != http.StatusServiceUnavailable {
		s.tb.Errorf("/readyz: got status %d, want 503", got.status)
	}
	if got := get(s.tb, s.base()+"/healthz"); got.status != http.StatusOK {
		s.tb.Errorf("/healthz: got status %d, want 200", got.status)
	}
}
