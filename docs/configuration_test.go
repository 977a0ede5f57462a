package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const configuration = "configuration.md"

// commandSources returns the names of the files of cmd/ackbox that are no tests.
func commandSources(tb testing.TB) []string {
	tb.Helper()
	paths, err := filepath.Glob("../cmd/ackbox/*.go")
	if err != nil {
		tb.Fatal(err)
	}
	isTest := func(path string) bool { return strings.HasSuffix(path, "_test.go") }
	paths = slices.DeleteFunc(paths, isTest)
	if len(paths) == 0 {
		tb.Fatal("got no files of cmd/ackbox, want some")
	}
	return paths
}

// variables returns the environment variables in the struct tags of cmd/ackbox, sorted.
func variables(tb testing.TB) []string {
	tb.Helper()
	found := map[string]bool{}
	for _, path := range commandSources(tb) {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			tb.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			field, ok := n.(*ast.Field)
			if !ok || field.Tag == nil {
				return true
			}
			tag, err := strconv.Unquote(field.Tag.Value)
			if err != nil {
				tb.Fatalf("%s: %v", path, err)
			}
			for name := range strings.SplitSeq(reflect.StructTag(tag).Get("env"), ",") {
				if name != "" {
					found[name] = true
				}
			}
			return true
		})
	}
	return slices.Sorted(maps.Keys(found))
}

func TestEveryVariableIsDocumented(t *testing.T) {
	t.Parallel()
	text, names := readFile(t, configuration), variables(t)
	if len(names) < 20 {
		t.Errorf("got the variables %q only, want all", names)
	}
	for _, name := range names {
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("%s does not mention %s, which cmd/ackbox reads", configuration, name)
		}
	}
}

var ackboxVariable = regexp.MustCompile(`\bACKBOX_[A-Z0-9_]*[A-Z0-9]\b`)

func TestEveryDocumentedVariableExists(t *testing.T) {
	t.Parallel()
	inCode := map[string]bool{}
	for _, path := range commandSources(t) {
		for _, name := range ackboxVariable.FindAllString(readFile(t, path), -1) {
			inCode[name] = true
		}
	}
	names := ackboxVariable.FindAllString(readFile(t, configuration), -1)
	if len(names) == 0 {
		t.Errorf("got no variable in %s, want some", configuration)
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		if !inCode[name] {
			t.Errorf("%s mentions %s, which cmd/ackbox does not", configuration, name)
		}
	}
}
