package e2e_test

import (
	"strings"
	"testing"
)

func TestPruneKeepsWhatSalesforceMaySendAgain(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		s := startWith(t, database, "crm")
		requireAck(t, post(t, s.url("crm"), one("0001")))
		for _, age := range []string{"0s", "24h", "71h59m"} {
			got := s.cli("prune", "--older-than", age)
			if got.code != 2 || !strings.Contains(got.stderr, "72 hours") ||
				!strings.Contains(got.stderr, "Salesforce") {
				t.Errorf("prune --older-than %s: got %+v, want exit code 2 and why", age, got)
			}
		}
		s.ok("prune", "--older-than", "72h") // no notification is as old
		if got := s.export(); len(got) != 1 {
			t.Errorf("got %d notifications, want 1", len(got))
		}
		requireAck(t, post(t, s.url("crm"), one("0001")))
	})
}

func TestServePrunesByItself(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		s := startWith(t, database, "crm", "METRICS_TOKEN="+metricsToken)
		requireAck(t, post(t, s.url("crm"), one("0001")))
		s.term()
		makeOld(t, database)
		s.set("ACKBOX_PRUNE", "3d")
		s.restart()
		s.ready()
		requireAck(t, post(t, s.url("crm"), one("0002")))
		eventually(t, testTimeout, "the old notification is deleted", func() bool {
			left := s.export()
			return len(left) == 1 && left[0].ID > 1
		})
		eventually(t, testTimeout, "the log says so", func() bool {
			return s.stderr.count("msg=pruned deleted=1") == 1
		})
		eventually(t, testTimeout, "the size is known", func() bool {
			return strings.Contains(get(t, s.base()+"/readyz").body, `"size":{"bytes":`)
		})
		page := get(t, s.base()+"/metrics", "Authorization", "Bearer "+metricsToken)
		if !strings.Contains(page.body, "\nackbox_database_bytes ") {
			t.Errorf("the metrics do not have the size:\n%s", page.body)
		}
		if got := s.cli("source", "list"); !strings.Contains(got.stderr, "the database takes ") {
			t.Errorf("source list: got %+v, want the size", got)
		}
	})
}

// makeOld makes all notifications of a database so old that they may be pruned.
func makeOld(tb testing.TB, database string) {
	tb.Helper()
	db := openDirectly(tb, database)
	defer db.Close()
	if _, err := db.Exec(`update notifications set received_at = '2020-01-02T03:04:05.000000Z'`); err != nil {
		tb.Fatal(err)
	}
}
