package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// writeWSDLs returns a new folder with these files.
func writeWSDLs(tb testing.TB, files map[string]string) string {
	tb.Helper()
	dir := tb.TempDir()
	for name, text := range files {
		writeFile(tb, filepath.Join(dir, name), text)
	}
	return dir
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

// mustGenerate generates packages and returns their folder and the log.
func mustGenerate(tb testing.TB, wsdlDir string) (outDir, log string) {
	tb.Helper()
	outDir = filepath.Join(tb.TempDir(), "sobject")
	var text strings.Builder
	if err := generate(tb.Context(), wsdlDir, outDir, &text); err != nil {
		tb.Fatal(err)
	}
	return outDir, text.String()
}

// readFolder returns the files of a folder by their path in it.
func readFolder(tb testing.TB, dir string) map[string]string {
	tb.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		relative, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(relative)] = string(data)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return files
}

// probe is a program that decodes messages into generated types, and with soap.Decode. It reads a
// list of pairs of package and message and writes the records of each message as JSON, both ways.
const probe = `package main

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"strings"

	"ackbox/soap"
	list "ackbox/soap/sobject"
%s)

var messages = map[string]func() any{
%s}

func main() {
	types, err := soap.NewTypes(list.Records()...)
	check(err)
	var input [][2]string
	check(json.NewDecoder(os.Stdin).Decode(&input))
	output := make([]struct {
		Typed  any
		Stored []json.RawMessage
	}, len(input))
	for i, in := range input {
		output[i].Typed = messages[in[0]]()
		if batch, err := soap.Decode([]byte(in[1]), types); err == nil {
			for _, entry := range batch.Entries {
				output[i].Stored = append(output[i].Stored, entry.Fields)
			}
		}
		d := xml.NewDecoder(strings.NewReader(in[1]))
		for {
			token, err := d.Token()
			check(err)
			if start, ok := token.(xml.StartElement); ok && start.Name.Local == "notifications" {
				check(d.DecodeElement(output[i].Typed, &start))
				break
			}
		}
	}
	check(json.NewEncoder(os.Stdout).Encode(output))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
`

// scratch copies this module into a new folder with the packages of outDir, the probe, and only the
// packages that these need. It returns the folder.
func scratch(tb testing.TB, outDir string) string {
	tb.Helper()
	dir, root := tb.TempDir(), "../.."
	var sources []string
	for _, pkg := range []string{"ledger", "soap"} {
		found, err := filepath.Glob(filepath.Join(root, pkg, "*.go"))
		if err != nil {
			tb.Fatal(err)
		}
		sources = append(sources, found...)
	}
	for _, path := range append(sources, filepath.Join(root, "go.mod"),
		filepath.Join(root, "go.sum")) {
		if relative, _ := filepath.Rel(root, path); !strings.HasSuffix(path, "_test.go") {
			writeFile(tb, filepath.Join(dir, relative), readFile(tb, path))
		}
	}
	var imports, messages strings.Builder
	for path, text := range readFolder(tb, outDir) {
		writeFile(tb, filepath.Join(dir, "soap", "sobject", path), text)
		if pkg, _, ok := strings.Cut(path, "/"); ok && filepath.Ext(path) == ".go" {
			fmt.Fprintf(&imports, "\tthe%s %q\n", pkg, "ackbox/soap/sobject/"+pkg)
			fmt.Fprintf(&messages, "\t%q: func() any { return new(the%s.Notifications) },\n", pkg, pkg)
		}
	}
	writeFile(tb, filepath.Join(dir, "probe", "main.go"),
		fmt.Sprintf(probe, imports.String(), messages.String()))
	return dir
}

func readFile(tb testing.TB, path string) string {
	tb.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return string(data)
}

// vet compiles all packages of a scratch module with go vet.
func vet(tb testing.TB, dir string) {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), "go", "vet", "./...")
	cmd.Dir = dir
	if output, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("go vet: %v\n%s", err, output)
	}
}

// notification is one notification in the output of the probe.
type notification struct {
	ID     string          `json:"Id"`
	Record json.RawMessage `json:"sObject"`
	Stored json.RawMessage `json:"-"` // the fields as soap.Decode writes them; nil if it refuses the message
}

// decode decodes messages, each a pair of package and XML, with the packages of a scratch module
// and returns their notifications.
func decode(tb testing.TB, dir string, messages [][2]string) [][]notification {
	tb.Helper()
	input, err := json.Marshal(messages)
	if err != nil {
		tb.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(tb.Context(), "go", "run", "./probe")
	cmd.Dir, cmd.Stdin, cmd.Stderr = dir, bytes.NewReader(input), &stderr
	output, err := cmd.Output()
	if err != nil {
		tb.Fatalf("decode with generated types: %v\n%s", err, stderr.String())
	}
	var decoded []struct {
		Typed  struct{ Notification []notification }
		Stored []json.RawMessage
	}
	if err := json.Unmarshal(output, &decoded); err != nil {
		tb.Fatal(err)
	}
	result := make([][]notification, len(decoded))
	for i, d := range decoded {
		result[i] = d.Typed.Notification
		for j, fields := range d.Stored {
			result[i][j].Stored = fields
		}
	}
	return result
}
