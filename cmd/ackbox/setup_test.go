package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const setupURL = "https://inbox.example.com/outbound/s3cr3t"

// runSetup runs the command line as main does.
func runSetup(tb testing.TB, args ...string) (out, err string, code int) {
	tb.Helper()
	var stdout, stderr bytes.Buffer
	code = run(tb.Context(), append([]string{"setup"}, args...), terminal{&stdout, &stderr})
	return stdout.String(), stderr.String(), code
}

func TestSetupWritesTheFieldsOfTheWSDL(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "lead")
	out, said, code := runSetup(t, dir, "--object", "lead", "--url", setupURL, "--user",
		"a@example.com", "--on", "create")
	if code != exitDone || !strings.Contains(said, filepath.Join(dir, "README.md")) ||
		strings.Contains(said, "warning") {
		t.Fatalf("got code %d and said %q", code, said)
	}
	workflow := filepath.Join(dir, "force-app", "main", "default", "workflows",
		"Lead.workflow-meta.xml")
	if !strings.Contains(out, workflow+"\n") {
		t.Errorf("got the output %q, want %s in it", out, workflow)
	}
	data, err := os.ReadFile(workflow)
	if err != nil || !bytes.Contains(data, []byte("<fields>LastName</fields>")) {
		t.Errorf("got %v and no LastName:\n%s", err, data)
	}
	if strings.Contains(out+said, "s3cr3t") {
		t.Errorf("got the token in %q or %q", out, said)
	}
}

func TestSetupTakesObjectAndFieldsFromAFileOrFromFlags(t *testing.T) {
	t.Parallel()
	const other, after = "../../wsdl/opportunity.wsdl", "\n        <includeSessionId>"
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"file":           {[]string{"--wsdl", other}, "<fields>StageName</fields>"},
		"file and field": {[]string{"--wsdl", other, "--field", "Amount"}, "<fields>Id</fields>" + after},
		"field": {[]string{"--object", "Opportunity", "--field", "Name"},
			"<fields>Name</fields>" + after},
		"more fields": {[]string{"--object", "Opportunity", "--field", "A__c,B__c"},
			"<fields>B__c</fields>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			args := append([]string{dir, "--url", setupURL, "--user", "a@example.com"}, c.args...)
			if _, said, code := runSetup(t, args...); code != exitDone {
				t.Fatalf("got code %d and said %q", code, said)
			}
			data, err := os.ReadFile(filepath.Join(dir,
				"force-app/main/default/workflows/Opportunity.workflow-meta.xml"))
			if err != nil || !strings.Contains(string(data), c.want) {
				t.Errorf("got %v and no %q in:\n%s", err, c.want, data)
			}
		})
	}
}

func TestSetupReportsInvalidFlags(t *testing.T) {
	t.Parallel()
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if entries, err := os.ReadDir(full); err != nil || len(entries) != 1 {
			t.Errorf("got %v, %v, want nothing written", entries, err)
		}
	})
	url, user, lead := []string{"--url", setupURL}, []string{"--user", "a@example.com"},
		[]string{"--object", "Lead"}
	other := []string{"--wsdl", "../../wsdl/opportunity.wsdl"}
	for name, c := range map[string]struct {
		args [][]string
		want string
	}{
		"no user":         {[][]string{{"new"}, url, lead}, "--user is missing"},
		"no URL":          {[][]string{{"new"}, user, lead}, "--url is missing"},
		"no object":       {[][]string{{"new"}, url, user}, "--object is missing"},
		"unknown object":  {[][]string{{"new"}, url, user, {"--object", "Account"}}, "--field"},
		"other WSDL":      {[][]string{{"new"}, url, user, lead, other}, "is the WSDL of Opportunity"},
		"no WSDL in file": {[][]string{{"new"}, url, user, {"--wsdl", "setup.go"}}, "setup.go"},
		"no such trigger": {[][]string{{"new"}, url, user, lead, {"--on", "delete"}}, "--on"},
		"full folder":     {[][]string{{full}, url, user, lead}, "--force"},
		"no folder":       {[][]string{url, user, lead}, "<dir>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var args []string
			for _, part := range c.args {
				args = append(args, part...)
			}
			if args[0] == "new" {
				args[0] = filepath.Join(t.TempDir(), "new")
			}
			out, said, code := runSetup(t, args...)
			if code != exitUsage || out != "" || !strings.Contains(said, c.want) ||
				strings.Contains(said, "s3cr3t") {
				t.Errorf("got code %d, output %q and said %q, want code %d and %q", code, out, said, exitUsage,
					c.want)
			}
		})
	}
}

func TestSetupWritesInSpiteOfWarnings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	url := "http://localhost:8080/outbound/s3cr3t"
	for range 2 {
		_, said, code := runSetup(t, dir, "--force", "--object", "Lead", "--url", url, "--user",
			"a@example.com")
		if code != exitDone || strings.Count(said, "warning: ") != 2 || strings.Contains(said, "s3cr3t") {
			t.Errorf("got code %d and said %q, want two warnings", code, said)
		}
	}
}
