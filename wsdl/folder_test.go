package wsdl_test

import (
	"encoding/binary"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"ackbox/wsdl"
	"ackbox/wsdl/wsdltest"

	"github.com/google/go-cmp/cmp"
)

// folder returns a file system of regular files.
func folder(files map[string]string) fstest.MapFS {
	f := fstest.MapFS{}
	for name, text := range files {
		f[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return f
}

// otherNames are names of files that go:embed takes and that do not end with .wsdl.
var otherNames = []string{
	"Größe.XML", "acme.Lead.jsp", "lead.WSDL", "lead[1].xml", "wfoutbound (2).jsp", "wfoutbound.jsp",
}

func TestFindTakesWhatIsAWSDLByItsContent(t *testing.T) {
	t.Parallel()
	lead := wsdltest.WSDL("Lead")
	files := folder(map[string]string{
		"a.wsdl": "", "Account.Wsdl": "<a/>", "cut.xml": lead[:1000],
		"utf16.txt":     string(inUTF16(binary.LittleEndian, "\ufeff"+lead)),
		"page.jsp":      "<!DOCTYPE html><html></html>",
		"notes.txt":     "\x1bnotes",
		"account.xml":   strings.Replace(lead, "http://soap.sforce.com/2005/09/outbound", "urn:partner.soap.sforce.com", 1),
		"noextension":   lead,
		"README":        "Read me.",
		".hidden.wsdl":  "",
		".lead.jsp":     lead,
		".DS_Store":     "\x00",
		"code.go":       lead,
		"gen/lead.wsdl": lead, "wsdltest/lead.wsdl": lead, "testdata/lead.wsdl": lead,
		"crm/lead.wsdl": lead, ".git/lead.wsdl": lead,
	})
	for _, name := range otherNames {
		files[name] = &fstest.MapFile{Data: []byte(lead)}
	}
	got, leftOut, err := wsdl.Find(files)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"Account.Wsdl", "Größe.XML", "a.wsdl", "acme.Lead.jsp", "cut.xml", "lead.WSDL", "lead[1].xml",
		"utf16.txt", "wfoutbound (2).jsp", "wfoutbound.jsp",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	assertStarts(t, leftOut, []string{
		".hidden.wsdl: the name of a WSDL must not begin with a dot",
		".lead.jsp: the name of a WSDL must not begin with a dot",
		"README: the file has no XML element",
		"account.xml:3: this is a partner WSDL; download the outbound message's WSDL",
		"crm: this is not a file",
		"noextension: the name of a WSDL must not begin with a dot and must have an extension",
		"notes.txt:1: not well-formed XML",
		"page.jsp: this is a web page, not a WSDL; the session may have expired",
	})
}

func assertStarts(t *testing.T, got []*wsdl.Error, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("got the errors %v, want %d", got, len(want))
		return
	}
	for i, err := range got {
		if !strings.HasPrefix(err.Error(), want[i]) {
			t.Errorf("got the error %q, want at its start %q", err, want[i])
		}
	}
}

func TestFindReportsWhatGoEmbedRejects(t *testing.T) {
	t.Parallel()
	cases := []struct {
		file, want string
		mode       fs.FileMode
	}{
		{"lead\n.wsdl", "lead\ufffd.wsdl: the file's name contains '\\n': rename", 0},
		{"lead\x1b[31m.txt", "lead\ufffd[31m.txt: the file's name contains '\\x1b'", 0},
		{"lead\u202e.wsdl", "lead\ufffd.wsdl: the file's name contains '\\u202e'", 0},
		{"gro\u0308ße.wsdl", "gro\u0308ße.wsdl: the file's name contains '\\u0308'", 0},
		{"it's.txt", "it's.txt: the file's name contains '\\''", 0},
		{`a\b.wsdl`, `a\b.wsdl: the file's name contains '\\'`, 0},
		{"-o.wsdl", "-o.wsdl: the file's name does not begin with a letter", 0},
		{"lead.", "lead.: the file's name ends with a dot", 0},
		{"_cgo_export.h", "_cgo_export.h: the file's name begins with _cgo_", 0},
		{"CON.wsdl", "CON.wsdl: the file's name is reserved on Windows", 0},
		{"com1.a.b", "com1.a.b: the file's name is reserved on Windows", 0},
		{"link.wsdl", "link.wsdl: this is not a file", fs.ModeSymlink},
		{"folder.d", "folder.d: this is not a file", fs.ModeDir},
	}
	for _, c := range cases {
		files := folder(map[string]string{"asset.wsdl": wsdltest.WSDL("Asset")})
		files[c.file] = &fstest.MapFile{Mode: c.mode}
		_, _, err := wsdl.Find(files)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%q: got the error %v, want at its start %q", c.file, err, c.want)
		}
	}
}

func TestFindReportsEachPairOfNamesThatDifferOnlyByCase(t *testing.T) {
	t.Parallel()
	lead := wsdltest.WSDL("Lead")
	_, _, err := wsdl.Find(folder(map[string]string{
		"Lead.wsdl": lead, "lead.wsdl": lead, "NOTES.txt": "", "notes.TXT": "", "README": "", "readme": "",
	}))
	want := "Lead.wsdl and lead.wsdl differ only in upper and lower case: rename one of them\n" +
		"NOTES.txt and notes.TXT differ only in upper and lower case: rename one of them"
	if err == nil || err.Error() != want {
		t.Errorf("got the error\n%v\nwant\n%s", err, want)
	}
}

// list is a program that prints the files that package wsdl has embedded.
const list = `package main

import (
	"fmt"
	"os"

	"ackbox/wsdl"
)

func main() {
	definitions, err := wsdl.Embedded()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, d := range definitions {
		fmt.Println(d.File)
	}
}
`

func TestEmbeddedReturnsWhatFindTakes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, pattern := range []string{"go.mod", "go.sum", "wsdl/*.go", "internal/text/*.go"} {
		paths, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(pattern)))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%d files match %s, error %v", len(paths), pattern, err)
		}
		for _, path := range paths {
			writeFile(t, filepath.Join(dir, filepath.Join(".", path[len(".."):])), readFile(t, path))
		}
	}
	for _, name := range append(otherNames, "zebra.wsdl") {
		writeFile(t, filepath.Join(dir, "wsdl", name), []byte(wsdltest.WSDL("Lead")))
	}
	writeFile(t, filepath.Join(dir, "wsdl", "notes.txt"), []byte("notes"))
	writeFile(t, filepath.Join(dir, "list", "main.go"), []byte(list))
	cmd := exec.CommandContext(t.Context(), "go", "run", "./list")
	cmd.Dir = dir
	output, err := cmd.CombinedOutput()
	want := strings.Join(otherNames, "\n") + "\nzebra.wsdl\n"
	if diff := cmp.Diff(want, string(output)); err != nil || diff != "" {
		t.Errorf("error %v, files (-want +got):\n%s", err, diff)
	}
}

func writeFile(tb testing.TB, path string, data []byte) {
	tb.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		tb.Fatal(err)
	}
}
