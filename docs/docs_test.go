// Package docs_test checks what the documents say against the code.
package docs_test

import (
	"os"
	"testing"
)

// readFile returns the content of a file, by its path from this folder.
func readFile(tb testing.TB, path string) string {
	tb.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return string(content)
}
