package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDoctorRejectsAFileWithoutSalesforcesCAs(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "cacerts.html")
	if err := os.WriteFile(file, []byte("<html>Log in"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, file + ".missing"} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), []string{"doctor", "https://inbox.example/", "--salesforce-cas", name},
			terminal{&stdout, &stderr})
		if code != exitUsage || stdout.Len() > 0 || !strings.Contains(stderr.String(), name) {
			t.Errorf("got code %d, %q and %q, want a usage error with the file", code, &stdout, &stderr)
		}
	}
}
