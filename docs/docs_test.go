// Package docs_test checks what the documents say against the code.
package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ackbox/simulate"
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

// documents returns the content of every document by its path.
func documents(tb testing.TB) map[string]string {
	tb.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"*.md", "../*.md"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			tb.Fatalf("glob %s: got %v, %v", pattern, paths, err)
		}
		for _, path := range paths {
			all[path] = readFile(tb, path)
		}
	}
	return all
}

var organizationID = regexp.MustCompile(`\b00D[0-9A-Za-z]{15}\b`)

// An id with wrong check characters is not the id of any organization.
func TestOrganizationIDsAreValid(t *testing.T) {
	t.Parallel()
	found := 0
	for path, text := range documents(t) {
		for _, id := range organizationID.FindAllString(text, -1) {
			found++
			if want := simulate.FullID(id[:15]); id != want {
				t.Errorf("%s: got %s, want %s", path, id, want)
			}
		}
	}
	if found == 0 {
		t.Error("got no id in any document, want some")
	}
}

var (
	link       = regexp.MustCompile(`\]\(([^)#\s]*)(?:#([^)\s]*))?\)`)
	heading    = regexp.MustCompile(`(?m)^#+ (.*)$`)
	notInSlugs = regexp.MustCompile(`[^a-z0-9 _-]`)
)

// slugs returns the anchors that GitHub gives to the headings of a document.
func slugs(text string) []string {
	var all []string
	for _, match := range heading.FindAllStringSubmatch(text, -1) {
		slug := notInSlugs.ReplaceAllString(strings.ToLower(match[1]), "")
		all = append(all, strings.ReplaceAll(slug, " ", "-"))
	}
	return all
}

func TestLinksHaveTargets(t *testing.T) {
	t.Parallel()
	for path, text := range documents(t) {
		for _, match := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			file, anchor := match[1], match[2]
			if strings.Contains(file, "://") {
				continue
			}
			target := path
			if file != "" {
				target = filepath.Join(filepath.Dir(path), file)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", path, file, err)
				continue
			}
			if anchor != "" && !slices.Contains(slugs(readFile(t, target)), anchor) {
				t.Errorf("%s links to #%s, which is no heading of %s", path, anchor, target)
			}
		}
	}
}
