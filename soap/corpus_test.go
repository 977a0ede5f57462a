package soap_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ackbox/soap"
)

// corpus returns the real request bodies in the folder ACKBOX_CORPUS by file name.
func corpus(tb testing.TB) map[string][]byte {
	tb.Helper()
	folder := os.Getenv("ACKBOX_CORPUS")
	if folder == "" {
		tb.Skip("ACKBOX_CORPUS, the folder of real request bodies, is not set")
	}
	paths, err := filepath.Glob(filepath.Join(folder, "envelopes", "*.xml"))
	if err != nil || len(paths) == 0 {
		tb.Fatalf("no envelopes in ACKBOX_CORPUS=%s (%v)", folder, err)
	}
	bodies := make(map[string][]byte, len(paths))
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		bodies[filepath.Base(path)] = body
	}
	return bodies
}

// corpusCause returns the cause for which Decode must reject a real body, or "".
func corpusCause(name string) soap.Cause {
	switch {
	case strings.HasPrefix(name, "broken_missing"):
		return soap.CauseMalformed
	case strings.HasPrefix(name, "synthetic_empty"):
		return soap.CauseIdentity
	}
	return ""
}

func TestDecodeReadsRealBodies(t *testing.T) {
	t.Parallel()
	for name, body := range corpus(t) {
		message, err := soap.Decode(body, nil)
		if want := corpusCause(name); want != "" {
			if got := causeOf(err); got != want {
				t.Errorf("%s: got cause %q (%v), want %q", name, got, err, want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, want := len(message.Entries), strings.Count(string(body), "<Notification>"); got != want {
			t.Errorf("%s: got %d notifications, want %d", name, got, want)
		}
	}
}
