package main

import (
	"strings"
	"testing"

	"ackbox/store/storetest"
)

const organization = "00Dxx0000001gPLEAY"

func TestWrongOrganizationIDsAreRefused(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t, storetest.SQLite)
	if got := on(t, url, "source", "add", "crm", "--org", organization); got.code != exitDone {
		t.Fatalf("got %+v", got)
	}
	const endpoint = "http://127.0.0.1:1/x"
	for _, id := range []string{
		"no-id", "", "00Dxx0000001gPLEAX", "00dxx0000001gPL", "001xx0000001gPL", "00D!!!!!!!!!!!!",
		" " + organization, "00Dxx0000001gPLEA",
	} {
		for _, args := range [][]string{
			{"source", "add", "other", "--org", id, "--database-url", url},
			{"source", "add", "other", "--org", organization, "--org", id, "--database-url", url},
			{"source", "allow", "crm", "--org", id, "--database-url", url},
			{"send", endpoint, "--org", id}, {"doctor", endpoint, "--org", id},
		} {
			got := command(t, args...)
			if got.code != exitUsage || got.out != "" || !strings.Contains(got.err, "--force") {
				t.Errorf("%q: got %+v, want exit code 2 and --force", args, got)
			}
		}
	}
	listed := on(t, url, "source", "list", "--json")
	if strings.Count(listed.out, "\n") != 1 || !strings.Contains(listed.out, `["`+organization+`"]`) {
		t.Errorf("got the sources %s, want the first with its organization", listed.out)
	}
}

func TestAWrongCaseOfAnOrganizationIDIsCorrected(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t, storetest.SQLite)
	got := on(t, url, "source", "add", "crm", "--org", strings.ToLower(organization))
	if got.code != exitUsage || !strings.Contains(got.err, organization+" is") {
		t.Errorf("got %+v, want exit code 2 and the right id", got)
	}
}

func TestForceTakesAnyOrganizationID(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t, storetest.SQLite)
	for _, args := range [][]string{
		{"source", "add", "crm", "--org", "test-1", "--force"},
		{"source", "allow", "crm", "--org", "test-2", "--force"},
		{"source", "deny", "crm", "--org", "test-1"},
	} {
		got := on(t, url, args...)
		warned := strings.Contains(got.err, "warning: \"test-")
		if got.code != exitDone || warned != (args[1] != "deny") {
			t.Errorf("%q: got %+v, want exit code 0 and a warning with --force", args, got)
		}
	}
	const nobody = "http://127.0.0.1:1/x"
	for _, args := range [][]string{{"send", nobody}, {"doctor", nobody}} {
		got := command(t, append(args, "--org", "test-organization1", "--force")...)
		if got.code != exitFailed || !strings.Contains(got.err, `warning: "test-`) {
			t.Errorf("%q: got %+v, want it to try", args, got)
		}
	}
}
