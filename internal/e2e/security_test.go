package e2e_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	testNamed   = regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9]+)`")
	testDefined = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9]+)\(`)
)

// The table of attacks proves nothing if it names tests that do not exist.
func TestTheAttacksOfSecurityMDAreTests(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	var defined []string
	err = filepath.WalkDir("../..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, match := range testDefined.FindAllSubmatch(source, -1) {
			defined = append(defined, string(match[1]))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := testNamed.FindAllSubmatch(text, -1)
	for _, match := range named {
		if !slices.Contains(defined, string(match[1])) {
			t.Errorf("SECURITY.md names %s, which does not exist", match[1])
		}
	}
	if len(named) < 30 {
		t.Errorf("SECURITY.md names only %d tests", len(named))
	}
}
