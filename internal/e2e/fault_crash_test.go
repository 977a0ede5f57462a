package e2e_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"ackbox/store/storetest"
)

// acksBetweenFaults is how many notifications are acked between two faults.
const acksBetweenFaults = acksBetweenCrashes / 2

// eachDriver runs a test on each database driver.
func eachDriver(t *testing.T, test func(t *testing.T, driver string)) {
	t.Helper()
	for _, driver := range []string{storetest.SQLite, storetest.Postgres} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			test(t, driver)
		})
	}
}

func TestFaultKilled(t *testing.T) {
	t.Parallel()
	eachDriver(t, func(t *testing.T, driver string) {
		s := startWith(t, storetest.URL(t, driver), "crm")
		// Lost Acks and new batches make duplicates even between the crashes.
		load, crashes := s.startLoad(unreliableSender), times(3, 20)
		for range crashes {
			load.awaitAcks(acksBetweenFaults)
			s.kill9()
			s.restart()
		}
		load.awaitAcks(acksBetweenFaults)
		load.stop()
		load.checkStored(fmt.Sprintf("kill -9 of ackbox, %d times", crashes), driver, s.export())
	})
}

func TestFaultPostgresCrashes(t *testing.T) {
	t.Parallel()
	cluster := storetest.NewCluster(t, storetest.Options{Settings: map[string]string{"fsync": "on"}})
	s := startWith(t, cluster.URL("postgres"), "crm")
	load, crashes := s.startLoad(unreliableSender), times(2, 10)
	for range crashes {
		load.awaitAcks(acksBetweenFaults)
		stopCluster(t, cluster)
		s.requireUnavailable()
		startCluster(t, cluster)
	}
	load.awaitAcks(acksBetweenFaults)
	load.stop()
	fault := fmt.Sprintf("pg_ctl stop -m immediate, %d times", crashes)
	load.checkStored(fault, storetest.Postgres, s.export())
}

// stopCluster stops PostgreSQL as a crash of its machine would.
func stopCluster(t *testing.T, cluster *storetest.Cluster) {
	t.Helper()
	if err := cluster.Stop(true); err != nil {
		t.Fatal(err)
	}
}

func startCluster(t *testing.T, cluster *storetest.Cluster) {
	t.Helper()
	if err := cluster.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// openCluster connects to a cluster as its superuser.
func openCluster(t *testing.T, cluster *storetest.Cluster, options ...string) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", cluster.URL("postgres")+strings.Join(options, ""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}
