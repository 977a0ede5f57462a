package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"ackbox/internal/text"
	"ackbox/wsdl/wsdltest"

	"github.com/google/go-cmp/cmp"
)

// hostile is a WSDL whose object, field and type are OBJECT, FIELD and xsd:TYPE.
var hostile = wsdltest.WSDL("OBJECT", "FIELD xsd:TYPE")

// hostileCode is what runs if a line of it becomes a line of a generated file.
const hostileCode = "\n//go:generate sh -c id\n//line x.go:1\n}\n\nfunc init() { panic(1) }\n\ntype x struct {\n"

func TestGenerateRejectsHostileWSDLs(t *testing.T) {
	t.Parallel()
	escaped := strings.ReplaceAll(hostileCode, "\n", "&#10;")
	cases := []struct{ name, file, old, new, want string }{
		{"code in a type", "", "TYPE", "string" + escaped,
			`lead.wsdl:38: "xsd:string\n//go:generate sh -c id\n`},
		{"code in a type, raw line breaks", "", "TYPE", "string" + hostileCode,
			`lead.wsdl:38: "xsd:string\n//go:generate sh -c id\n`},
		{"code in a type, CR", "", "TYPE", "string&#13;func init() {}", `lead.wsdl:38: "xsd:string\rfunc init() {}"`},
		{"code in a type, line separator", "", "TYPE", "string\u2028func init() {}", `lead.wsdl:38: "xsd:string\u2028`},
		{"code in a field", "", "FIELD", "A" + escaped, `lead.wsdl:38: "A\n//go:generate`},
		{"end of a tag", "", "FIELD", "A` x", "lead.wsdl:38: \"A` x\" is not the API name of a field"},
		{"markup in a field", "", "FIELD", "A&quot;/>&lt;b", `lead.wsdl:38: "A\"/><b" is not the API name`},
		{"code in an object", "", "OBJECT", "Lead" + escaped, `lead.wsdl:34: "Lead\n//go:generate`},
		{"code in a prefix", "", "xsd:TYPE", "x" + escaped + ":string", `lead.wsdl:38: "x\n//go:generate`},
		{"control sequence in a type", "", "TYPE", "\u009b2J", `lead.wsdl:38: "xsd:\u009b2J"`},
		{"control sequence in an entity", "", "TYPE", "&\u009b2J;", "lead.wsdl:38: not well-formed XML: "},
		{"control sequence in a namespace", "", `targetNamespace="http://soap.sforce.com/2005/09/outbound"` + "\n",
			"targetNamespace='\u009b2J'\n", `lead.wsdl:3: this is not the WSDL of an outbound message`},
		{"code in a file's name", "lead" + hostileCode + ".wsdl", "TYPE", "string",
			"lead\ufffd//go:generate sh -c id\ufffd"},
		{"control sequence in a file's name", "lead\x1b[2J.wsdl", "TYPE", "string",
			`lead` + "\ufffd" + `[2J.wsdl: the file's name contains '\x1b'`},
		{"control sequence in the name of what is no WSDL", "lead\x1b[2J.txt", hostile, "",
			`lead` + "\ufffd" + `[2J.txt: the file's name contains '\x1b'`},
		{"flag for a file's name", "-o.wsdl", "TYPE", "string", "-o.wsdl: the file's name does not begin"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file := c.file
			if file == "" {
				file = "lead.wsdl"
			}
			file = strings.ReplaceAll(file, "/", "\u2215") // no file's name contains a slash
			edited := strings.ReplaceAll(hostile, c.old, c.new)
			assertRejected(t, file, edited, strings.ReplaceAll(c.want, "\ufffd//", "\ufffd\u2215\u2215"))
		})
	}
}

// assertRejected generates with one file beside a good one. It checks that the error begins with
// want, that a terminal prints error and log as they are, and that no file changed.
func assertRejected(t *testing.T, file, content, want string) {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "wsdl", "asset.wsdl"), wsdltest.WSDL("Asset"))
	err := os.WriteFile(filepath.Join(dir, "wsdl", file), []byte(content), 0o644)
	if err != nil && runtime.GOOS != "linux" {
		t.Skip(err) // other systems do not have files of every name
	}
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "sobject", "kept.go"), "package sobject\n")
	before := readFolder(t, dir)
	var log strings.Builder
	err = generate(t.Context(), filepath.Join(dir, "wsdl"), filepath.Join(dir, "sobject"), &log)
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got the error\n%v\nwant at its start\n%s", err, want)
	}
	if err != nil && text.Printable(err.Error()) != err.Error() {
		t.Errorf("a terminal would not print the error as it is: %q", err)
	}
	if log.Len() > 0 {
		t.Errorf("got the log %q, want nothing of a file that is rejected", log.String())
	}
	if diff := cmp.Diff(before, readFolder(t, dir)); diff != "" {
		t.Errorf("files changed (-before +after):\n%s", diff)
	}
}

func TestWhatIsLeftOutIsPrintable(t *testing.T) {
	t.Parallel()
	_, log := mustGenerate(t, writeWSDLs(t, map[string]string{
		"notes.txt": "<a\u009b2J/>", ".hidden\x1b[2J\n.wsdl": "", "README\x1b[2J": "<\u009b>",
	}))
	lines := strings.Split(strings.TrimSuffix(log, "\n"), "\n")
	if len(lines) != 3 {
		t.Errorf("got %d lines, want 3:\n%s", len(lines), log)
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, "left out: ") || text.Printable(line) != line {
			t.Errorf("got the line %q, want a printable one that begins with %q", line, "left out: ")
		}
	}
}
