package sfdx_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ackbox/internal/sfdx"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "update the golden files")

const secret = "s3cr3t-token"

func lead() sfdx.Project {
	return sfdx.Project{
		Object: "Lead", URL: "https://inbox.example.com/outbound/" + secret,
		User:   "integration@example.com",
		Fields: []string{"Status", "LastName", "City", "Country", "Email", "CreatedDate", "Rating__c"},
	}
}

func sample() sfdx.Project {
	return sfdx.Project{
		Object: "acme__Sample__c", URL: "https://inbox.example.com:8443/outbound/" + secret,
		User: "o'hara@example.com.test",
		Fields: []string{"Name", "acme__Amount__c", "acme__Parent__c", "acme__Place__Latitude__s",
			"Id"},
		Required: []string{"acme__Parent__c"}, On: sfdx.OnUpdate, Name: "Sample_out", APIVersion: "66.0",
		Description: "Größe & <Preis> → 日本",
	}
}

func files(tb testing.TB, p sfdx.Project) map[string][]byte {
	tb.Helper()
	files, err := sfdx.Files(p)
	if err != nil {
		tb.Fatal(err)
	}
	return files
}

func TestFilesMatchTheGoldenFiles(t *testing.T) {
	t.Parallel()
	for name, project := range map[string]sfdx.Project{"lead": lead(), "sample": sample()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join("testdata", name)
			got := files(t, project)
			if *update {
				writeGolden(t, dir, got)
			}
			if diff := cmp.Diff(readGolden(t, dir), text(got)); diff != "" {
				t.Errorf("files (-golden +got), -update updates them:\n%s", diff)
			}
		})
	}
}

// goldenName returns the name of a golden file. A .gitignore would exclude other golden files from
// our own repository.
func goldenName(name string) string { return strings.Replace(name, ".gitignore", "gitignore", 1) }

func text(files map[string][]byte) map[string]string {
	texts := map[string]string{}
	for name, data := range files {
		texts[goldenName(name)] = string(data)
	}
	return texts
}

func writeGolden(tb testing.TB, dir string, files map[string][]byte) {
	tb.Helper()
	if err := os.RemoveAll(dir); err != nil {
		tb.Fatal(err)
	}
	for name, data := range files {
		path := filepath.Join(dir, goldenName(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			tb.Fatal(err)
		}
	}
}

func readGolden(tb testing.TB, dir string) map[string]string {
	tb.Helper()
	texts := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		texts[filepath.ToSlash(name)] = string(data)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return texts
}

func TestFilesDoNotDependOnTheOrderOfFields(t *testing.T) {
	t.Parallel()
	want := files(t, lead())
	for range 10 {
		project := lead()
		slices.Reverse(project.Fields)
		project.Fields = append(project.Fields, "Id")
		if diff := cmp.Diff(text(want), text(files(t, project))); diff != "" {
			t.Fatalf("files (-first +again):\n%s", diff)
		}
	}
}

func TestOnlyTheOutboundMessageContainsTheToken(t *testing.T) {
	t.Parallel()
	for name, data := range files(t, lead()) {
		want := strings.HasSuffix(name, "/Lead.workflow-meta.xml")
		if got := bytes.Contains(data, []byte(secret)); got != want {
			t.Errorf("%s contains the token: %v, want %v", name, got, want)
		}
	}
	ignored := files(t, lead())[".gitignore"]
	if !bytes.Contains(ignored, []byte("/force-app/main/default/workflows/\n")) {
		t.Errorf("got a .gitignore without the workflows:\n%s", ignored)
	}
}

func TestTextIsEscaped(t *testing.T) {
	t.Parallel()
	project := sample()
	project.URL = `https://inbox.example.com/outbound/t?a=1&b="<2>"&c='é'`
	data := files(t, project)["force-app/main/default/workflows/acme__Sample__c.workflow-meta.xml"]
	if !bytes.Contains(data, []byte("?a=1&amp;b=")) {
		t.Errorf("got an & that is not escaped:\n%s", data)
	}
	var got struct {
		Message struct {
			Description string `xml:"description"`
			URL         string `xml:"endpointUrl"`
			User        string `xml:"integrationUser"`
		} `xml:"outboundMessages"`
	}
	if err := xml.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]string{
		{got.Message.URL, project.URL}, {got.Message.Description, project.Description},
		{got.Message.User, project.User},
	} {
		if pair[0] != pair[1] {
			t.Errorf("got %q, want %q", pair[0], pair[1])
		}
	}
}

func TestWriteCreatesFilesForTheirOwnerOnly(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "project")
	got, err := sfdx.Write(dir, lead(), false)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, name := range slices.Sorted(maps.Keys(files(t, lead()))) {
		path := filepath.Join(dir, name)
		want = append(want, path)
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: got %v, %v, want a file of mode 600", name, info, err)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
}

func TestWriteRefusesAFolderThatIsNotEmpty(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"README.md", "mine.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := sfdx.Write(dir, lead(), false); !errors.Is(err, sfdx.ErrNotEmpty) {
		t.Errorf("got the error %v, want ErrNotEmpty", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("got %v, %v, want nothing written", entries, err)
	}
	if _, err := sfdx.Write(dir, lead(), true); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "mine.txt")); err != nil || string(data) != "mine" {
		t.Errorf("got %q, %v, want the other file unchanged", data, err)
	}
	info, err := os.Stat(filepath.Join(dir, "README.md"))
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() < 100 {
		t.Errorf("got %v, %v, want the file replaced, with mode 600", info, err)
	}
}

func TestWriteOfAnInvalidProjectWritesNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "project")
	_, err := sfdx.Write(dir, sfdx.Project{Object: "Lead"}, true)
	if _, ok := errors.AsType[*sfdx.Error](err); !ok {
		t.Errorf("got the error %v, want a *sfdx.Error", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want no folder", err)
	}
}
