package main

import (
	"encoding/binary"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"ackbox/wsdl/wsdltest"

	"github.com/google/go-cmp/cmp"
)

// checkout copies what go generate needs into a new folder: the files that git has there, each as
// edit returns it. It returns the folder.
func checkout(tb testing.TB, edit func(text string) string) string {
	tb.Helper()
	dir, root := tb.TempDir(), "../.."
	for _, pattern := range []string{
		"go.mod", "go.sum", "wsdl/*.*", "wsdl/gen/*", "internal/text/*.go", "soap/sobject/*.go",
		"soap/sobject/*/*.go", "soap/sobject/*/*.schema.json",
	} {
		paths, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil || len(paths) == 0 {
			tb.Fatalf("%d files match %s, error %v", len(paths), pattern, err)
		}
		for _, path := range paths {
			if relative, _ := filepath.Rel(root, path); !strings.HasSuffix(path, "_test.go") && filepath.Ext(path) != "" {
				writeFile(tb, filepath.Join(dir, relative), edit(readFile(tb, path)))
			}
		}
	}
	return dir
}

// goGenerate runs go generate in a checkout and returns what it printed.
func goGenerate(tb testing.TB, dir string) (output string, err error) {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), "go", "generate", "./...")
	cmd.Dir = dir
	text, err := cmd.CombinedOutput()
	return string(text), err
}

func TestACheckoutWithCRLFGeneratesTheSame(t *testing.T) {
	t.Parallel()
	crlf := func(text string) string {
		return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
	}
	dir := checkout(t, crlf)
	if output, err := goGenerate(t, dir); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	want := readFolder(t, "../../soap/sobject")
	maps.DeleteFunc(want, func(path, _ string) bool { return strings.HasSuffix(path, "_test.go") })
	if diff := cmp.Diff(want, readFolder(t, filepath.Join(dir, "soap", "sobject"))); diff != "" {
		t.Errorf("soap/sobject (-want +got):\n%s", diff)
	}
}

// TestGoGenerateReportsFilesThatTheCompilerRejects runs the go:generate line itself: the generator
// must have been compiled before it can say anything.
func TestGoGenerateReportsFilesThatTheCompilerRejects(t *testing.T) {
	t.Parallel()
	dir := checkout(t, func(text string) string { return text })
	lead := readFile(t, filepath.Join(dir, "wsdl", "lead.wsdl"))
	for _, name := range []string{"Lead.wsdl", "it's.jsp", "-v.xml"} {
		writeFile(t, filepath.Join(dir, "wsdl", name), wsdltest.WSDL("Lead"))
	}
	if readFile(t, filepath.Join(dir, "wsdl", "lead.wsdl")) != lead {
		t.Skip("this system does not tell upper from lower case")
	}
	before := readFolder(t, filepath.Join(dir, "soap", "sobject"))
	output, err := goGenerate(t, dir)
	want := "-v.xml: the file's name does not begin with a letter, a digit or an underscore: rename the file " +
		"after its object, such as lead.wsdl\n" +
		"it's.jsp: the file's name contains '\\'': rename the file after its object, such as lead.wsdl\n" +
		"Lead.wsdl and lead.wsdl differ only in upper and lower case: rename one of them\n"
	if err == nil || !strings.HasPrefix(output, want) {
		t.Errorf("got the error %v and\n%s\nwant at its start\n%s", err, output, want)
	}
	if diff := cmp.Diff(before, readFolder(t, filepath.Join(dir, "soap", "sobject"))); diff != "" {
		t.Errorf("soap/sobject changed (-before +after):\n%s", diff)
	}
}

func TestGenerateTakesWSDLsOfEveryNameAndEncoding(t *testing.T) {
	t.Parallel()
	lead := wsdltest.WSDL("Lead", "Company xsd:string", "Amount xsd:double")
	var inUTF16 []byte
	for _, unit := range utf16.Encode([]rune("\ufeff" + lead)) {
		inUTF16 = binary.LittleEndian.AppendUint16(inUTF16, unit)
	}
	wsdlDir := writeWSDLs(t, map[string]string{
		"lead.wsdl": lead, "wfoutbound.jsp": lead, "wfoutbound (2).jsp.xml": lead, "LEAD3.WSDL": lead,
		"lead16.wsdl": string(inUTF16), "leadcr.wsdl": strings.ReplaceAll(lead, "\n", "\r\n"),
		"page.jsp": "<html></html>", "wfoutbound": lead,
	})
	outDir, log := mustGenerate(t, wsdlDir)
	got := readFolder(t, outDir)
	want := got["lead/lead.go"]
	for file, pkg := range map[string]string{
		"wfoutbound.jsp": "wfoutbound", "wfoutbound (2).jsp.xml": "wfoutbound2jsp", "LEAD3.WSDL": "lead3",
		"lead16.wsdl": "lead16", "leadcr.wsdl": "leadcr",
	} {
		text := strings.ReplaceAll(got[pkg+"/"+pkg+".go"], file, "lead.wsdl")
		text = strings.ReplaceAll(text, "ackage "+pkg, "ackage lead")
		if diff := cmp.Diff(want, text); diff != "" {
			t.Errorf("package of %s (-lead.wsdl +%[1]s):\n%s", file, diff)
		}
	}
	if paths := slices.Sorted(maps.Keys(got)); len(paths) != 13 {
		t.Errorf("got the files %q, want the two of six WSDLs each and the list", paths)
	}
	leftOut := "left out: page.jsp: this is a web page, not a WSDL; "
	if !strings.HasPrefix(log, leftOut) || !strings.Contains(log, "\nleft out: wfoutbound: the name of a WSDL must") {
		t.Errorf("got the log\n%s\nwant in it %q and wfoutbound", log, leftOut)
	}
}
