package main

import (
	"fmt"
	"strings"

	"ackbox/ledger"
)

// checkOrganizations returns the error of the first id that cannot be that of an organization, or
// with force only prints a warning: ids that are not Salesforce's are compared byte for byte.
func checkOrganizations(t terminal, force bool, ids ...string) error {
	for _, id := range ids {
		if strings.HasPrefix(id, "00D") && ledger.IsID(id) {
			continue
		}
		problem := fmt.Sprintf("%q is not the id of an organization", id)
		if force {
			t.say("warning: %s; it is used as given", problem)
			continue
		}
		return usageError{fmt.Errorf("%s%s: it is 00D with 12 more letters and digits, or with 15 of "+
			"which the last 3 are check characters; copy it from Setup > Company Information, or use "+
			"--force", problem, suggestion(id))}
	}
	return nil
}

// suggestion returns the id of an organization that differs from id in case only, for an error.
func suggestion(id string) string {
	if repaired, ok := ledger.RepairID(id); ok && strings.HasPrefix(repaired, "00D") {
		return ", " + repaired + " is"
	}
	return ""
}
