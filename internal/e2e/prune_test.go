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
