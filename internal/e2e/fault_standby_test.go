package e2e_test

import (
	"database/sql"
	"fmt"
	"testing"
	"time"

	"ackbox/store/storetest"
)

// TestFaultStandbyNotAwaited stops the synchronous standby under load, and somebody who wants the
// server to go on cancels the commits that wait for it: PostgreSQL then reports success, with a
// warning. The primary crashes before the standby has caught up, and the standby is promoted.
func TestFaultStandbyNotAwaited(t *testing.T) {
	t.Parallel()
	primary := storetest.NewCluster(t, storetest.Options{Settings: map[string]string{"fsync": "on"}})
	standby := primary.NewStandby(t)
	s := startWith(t, eitherOf(primary, standby), "crm")
	load := s.startLoad(unreliableSender)
	load.awaitAcks(acksBetweenFaults)
	stopCluster(t, standby)
	stopCanceling := cancelWaits(t, openCluster(t, primary))
	load.awaitRefusals(times(20, 500))
	stopCanceling()
	stopCluster(t, primary)
	startCluster(t, standby)
	promote(t, standby)
	load.awaitAcks(acksBetweenFaults)
	load.stop()
	load.checkStored("commits that do not await their standby, then failover", storetest.Postgres, s.export())
}

// cancelWaits ends every wait of a commit for its standby until stop is called.
func cancelWaits(t *testing.T, db *sql.DB) (stop func()) {
	t.Helper()
	stopping, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-stopping:
				stopped <- nil
				return
			case <-ticker.C:
			}
			_, err := db.Exec(`
				select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'`)
			if err != nil {
				stopped <- err
				return
			}
		}
	}()
	return func() {
		t.Helper()
		close(stopping)
		if err := <-stopped; err != nil {
			t.Fatal(err)
		}
	}
}

// eitherOf returns the DATABASE_URL of whichever of two clusters accepts writes.
func eitherOf(a, b *storetest.Cluster) string {
	return fmt.Sprintf("postgres://postgres@/postgres?host=127.0.0.1,127.0.0.1&port=%d,%d"+
		"&target_session_attrs=read-write&sslmode=disable", a.Port(), b.Port())
}

// TestFaultServerReadOnly makes a server read-only under load and writable again, as the two ends of
// a failover do.
func TestFaultServerReadOnly(t *testing.T) {
	t.Parallel()
	cluster := storetest.NewCluster(t, storetest.Options{})
	s := startWith(t, cluster.URL("postgres"), "crm")
	db := openCluster(t, cluster)
	readOnly := func(value string) {
		t.Helper()
		for _, statement := range []string{
			"alter system set default_transaction_read_only = " + value, "select pg_reload_conf()",
		} {
			if _, err := db.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
	}
	load := s.startLoad(unreliableSender)
	for range times(2, 10) {
		load.awaitAcks(acksBetweenFaults)
		readOnly("on")
		load.awaitRefusals(20)
		eventually(t, testTimeout, "/readyz reports it", func() bool {
			return s.reports("the database is read-only")
		})
		readOnly("off")
	}
	load.awaitAcks(acksBetweenFaults)
	load.stop()
	load.checkStored("server that becomes read-only", storetest.Postgres, s.export())
}
