package e2e_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"testing"

	"ackbox/simulate"
	"ackbox/soap"
	"ackbox/store/storetest"
)

// TestFaultConnectionsExhausted takes every connection of PostgreSQL, including those of ackbox.
func TestFaultConnectionsExhausted(t *testing.T) {
	t.Parallel()
	const most = 12
	cluster := storetest.NewCluster(t, storetest.Options{Settings: map[string]string{
		"max_connections": fmt.Sprint(most), "superuser_reserved_connections": "0",
	}})
	s := startWith(t, cluster.URL("postgres"), "crm")
	load := s.startLoad(unreliableSender)
	for range times(1, 10) {
		load.awaitAcks(acksBetweenFaults)
		release := takeConnections(t, openCluster(t, cluster, "&application_name=thief"), most)
		s.requireUnavailable()
		load.awaitRefusals(20)
		release()
	}
	load.awaitAcks(acksBetweenFaults)
	load.stop()
	load.checkStored("connections exhausted", storetest.Postgres, s.export())
}

// takeConnections takes all connections, ends those that others hold, and returns a function that
// releases them.
func takeConnections(t *testing.T, db *sql.DB, all int) (release func()) {
	t.Helper()
	var taken []*sql.Conn
	eventually(t, testTimeout, "all connections are taken", func() bool {
		conn, err := db.Conn(t.Context())
		if err == nil {
			taken = append(taken, conn)
		}
		if len(taken) > 0 && len(taken) < all {
			_, err = taken[0].ExecContext(t.Context(), `
				select pg_terminate_backend(pid) from pg_stat_activity
				where backend_type = 'client backend' and pid not in (
					select pid from pg_stat_activity where application_name = 'thief')`)
			if err != nil {
				t.Fatal(err)
			}
		}
		return len(taken) == all
	})
	return func() {
		for _, conn := range taken {
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		}
		db.Close()
	}
}

// TestFaultFailover crashes a primary under load and promotes its synchronous standby.
func TestFaultFailover(t *testing.T) {
	t.Parallel()
	for i := range times(1, 3) {
		t.Run(fmt.Sprint(i+1), func(t *testing.T) {
			t.Parallel()
			primary := storetest.NewCluster(t, storetest.Options{Settings: map[string]string{"fsync": "on"}})
			standby := primary.NewStandby(t)
			s := startWith(t, eitherOf(primary, standby), "crm")
			load := s.startLoad(unreliableSender)
			load.awaitAcks(acksBetweenFaults)
			stopCluster(t, primary)
			s.requireUnavailable()
			promote(t, standby)
			load.awaitAcks(acksBetweenFaults)
			load.stop()
			load.checkStored("failover to a synchronous standby", storetest.Postgres, s.export())
		})
	}
}

func promote(t *testing.T, standby *storetest.Cluster) {
	t.Helper()
	// The promoted standby waits for no other: its settings were copied before the primary's were set.
	if _, err := openCluster(t, standby).Exec("select pg_promote()"); err != nil {
		t.Fatal(err)
	}
}

// TestFaultPoison posts good messages and others that the database refuses because of a constraint,
// which stands for any error of a single row. Only the latter may be refused, even when they share
// a transaction with good ones.
func TestFaultPoison(t *testing.T) {
	t.Parallel()
	database := storetest.URL(t, storetest.Postgres)
	s := startWith(t, database, "crm")
	db, err := sql.Open("postgres", database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const refuse = `alter table notifications
		add constraint poison check (notification_id not like '%poison%')`
	if _, err := db.Exec(refuse); err != nil {
		t.Fatal(err)
	}
	load, poisons := s.startLoad(simulate.SenderOptions{}), times(20, 500)
	for i := range poisons {
		body := one(fmt.Sprintf("poison%d", i))
		checkFault(t, post(t, s.url("crm"), body), http.StatusServiceUnavailable, soap.FaultServer)
		load.onFailure(nil, &simulate.Failure{Status: http.StatusServiceUnavailable})
		load.awaitAcks(1)
	}
	load.stop()
	if load.refused != poisons {
		t.Errorf("%d messages were refused, want the %d poisoned ones", load.refused, poisons)
	}
	load.checkStored("poison among others", storetest.Postgres, s.export())
}
