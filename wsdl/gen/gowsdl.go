package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
)

// plainWSDL is the template of a WSDL that gowsdl handles correctly. It has no imports (gowsdl
// warns of each, and would fetch a URL), only types that gowsdl knows, no names that are equal in
// Go, every field nillable (which makes it a pointer), an unbounded number of notifications (for a
// maximum of 100 gowsdl declares one only), and no operations (it would make a client of them).
//
//go:embed plain.wsdl.tmpl
var plainWSDL string

var plainTemplate = template.Must(template.New("plain").Parse(plainWSDL))

type plainField struct{ Name, Type string }

// prepare returns the plain WSDL of s, with Go names in place of the API names.
func prepare(s *source) ([]byte, error) {
	var fields []plainField
	for i, f := range s.Fields[1:] {
		kind := "xsd:" + f.Kind()
		if f.Kind() == "ID" {
			kind = "ent:ID"
		}
		fields = append(fields, plainField{s.names[i+1], kind})
	}
	var text bytes.Buffer
	err := plainTemplate.Execute(&text, struct {
		Record string
		Fields []plainField
	}{s.record, fields})
	return text.Bytes(), err
}

// runGowsdl returns the Go code that gowsdl writes for s. It works in a new folder in tmp.
func runGowsdl(ctx context.Context, s *source, tmp string) ([]byte, error) {
	plain, err := prepare(s)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(tmp, s.pkg)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "plain.wsdl")
	if err := os.WriteFile(file, plain, 0o644); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "go", "tool", "gowsdl", "-d", dir, "-p", "made", "-o", "made.go",
		file)
	// It leaves a folder in TMPDIR, and it writes a map from two goroutines: on more than one
	// processor it crashes now and then ("concurrent map writes").
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp, "GOMAXPROCS=1")
	if output, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, lastLine(output))
	}
	return os.ReadFile(filepath.Join(dir, "made", "made.go"))
}

// gowsdlVersion returns the version of gowsdl in go.mod.
func gowsdlVersion(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Version}}",
		"github.com/hooklift/gowsdl")
	output, err := cmd.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", fmt.Errorf("find version of gowsdl: %w: %s", err, lastLine(failed.Stderr))
	}
	if err != nil {
		return "", fmt.Errorf("find version of gowsdl: %w", err)
	}
	return strings.TrimSpace(string(output)), nil
}

// lastLine returns the last line of a program's output, without the clover with which gowsdl begins
// each line.
func lastLine(output []byte) string {
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	return strings.TrimSpace(strings.TrimPrefix(lines[len(lines)-1], "🍀"))
}
