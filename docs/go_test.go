package docs_test

import (
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	// fence matches a fenced code block: its language and its text.
	fence = regexp.MustCompile("(?ms)^```([a-z.]+)\n(.*?)^```$")
	// firstLine matches the first line of an example: its path in the reader's module.
	firstLine = regexp.MustCompile(`^// ([a-z/_]+\.go)\n`)
	requires  = regexp.MustCompile(`(?ms)^require \(\n.*?^\)\n`)
)

// The examples are compiled in a module such as a reader's own. Those that are tests are run, too.
func TestGoExamples(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	examples := 0
	for _, match := range fence.FindAllStringSubmatch(readFile(t, "go.md"), -1) {
		switch language, text := match[1], match[2]; language {
		case "go":
			writeExample(t, dir, text)
			examples++
		case "go.mod":
			writeModule(t, dir, text)
		}
	}
	if examples == 0 {
		t.Fatal("got no example, want some")
	}
	run(t, dir, "vet", "./...")
	run(t, dir, "test", "./...")
}

// writeExample writes a Go file to the path that its first line names.
func writeExample(tb testing.TB, dir, text string) {
	tb.Helper()
	path := firstLine.FindStringSubmatch(text)
	if path == nil {
		tb.Fatalf("got an example without its path in the first line:\n%s", text)
	}
	formatted, err := format.Source([]byte(text))
	if err != nil || string(formatted) != text {
		tb.Errorf("%s is not formatted (%v), want:\n%s", path[1], err, formatted)
	}
	writeFile(tb, filepath.Join(dir, path[1]), text)
}

// writeModule writes go.mod with the path of this repository.
func writeModule(tb testing.TB, dir, text string) {
	tb.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		tb.Fatal(err)
	}
	const sibling = "replace ackbox => ../ackbox\n"
	if !strings.Contains(text, sibling) {
		tb.Fatalf("got a go.mod without %q", sibling)
	}
	text = strings.Replace(text, sibling, "replace ackbox => "+strconv.Quote(root)+"\n", 1)
	completeModule(tb, dir, text)
}

// completeModule writes go.mod with what go mod tidy would add to it, and go.sum. The versions are
// this repository's, so its module cache has them.
func completeModule(tb testing.TB, dir, text string) {
	tb.Helper()
	blocks := requires.FindAllString(readFile(tb, "../go.mod"), -1)
	if len(blocks) == 0 {
		tb.Fatal("got no require block in this repository's go.mod")
	}
	writeFile(tb, filepath.Join(dir, "go.mod"), text+strings.Join(blocks, ""))
	writeFile(tb, filepath.Join(dir, "go.sum"), readFile(tb, "../go.sum"))
}

func writeFile(tb testing.TB, path, text string) {
	tb.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		tb.Fatal(err)
	}
}

// run runs the go command in a module outside any workspace.
func run(tb testing.TB, dir string, args ...string) {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), "go", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOWORK=off")
	if output, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, output)
	}
}
