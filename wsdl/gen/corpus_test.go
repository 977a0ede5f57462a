package main

import (
	"encoding/xml"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// envelope is a message decoded without a WSDL.
type envelope struct {
	Notifications []struct {
		ID     string         `xml:"Id"`
		Record *untypedRecord `xml:"sObject"`
	} `xml:"Body>notifications>Notification"`
}

type untypedRecord struct {
	Type   string `xml:"http://www.w3.org/2001/XMLSchema-instance type,attr"`
	Fields []struct {
		XMLName xml.Name
		Text    string `xml:",chardata"`
	} `xml:",any"`
}

// published returns the published files that match pattern, by their name.
func published(tb testing.TB, pattern string) map[string]string {
	tb.Helper()
	folder := os.Getenv("ACKBOX_CORPUS")
	if folder == "" {
		tb.Skip("ACKBOX_CORPUS does not name the folder of published WSDLs and envelopes")
	}
	paths, err := filepath.Glob(filepath.Join(folder, filepath.FromSlash(pattern)))
	if err != nil || len(paths) == 0 {
		tb.Fatalf("no %s in ACKBOX_CORPUS=%s (%v)", pattern, folder, err)
	}
	files := map[string]string{}
	for _, path := range paths {
		files[filepath.Base(path)] = readFile(tb, path)
	}
	return files
}

func TestPublishedWSDLsMakePackagesThatDecodePublishedEnvelopes(t *testing.T) {
	t.Parallel()
	wsdlDir := writeWSDLs(t, published(t, "wsdl/*.wsdl"))
	sources, err := readSources(os.DirFS(wsdlDir), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	outDir, _ := mustGenerate(t, wsdlDir)
	dir := scratch(t, outDir)
	vet(t, dir)
	var messages [][2]string
	var check []func(got []notification)
	for name, text := range published(t, "envelopes/*.xml") {
		var e envelope
		if err := xml.Unmarshal([]byte(text), &e); err != nil {
			continue // some in the folder are not well-formed
		}
		for _, s := range sources {
			if e.isOf(s.Object) {
				messages = append(messages, [2]string{s.pkg, text})
				check = append(check, func(got []notification) {
					e.assert(t, name+" by "+s.File, s, got)
					assertValid(t, name+" by "+s.File, schemaIn(t, outDir, s.pkg), got)
				})
			}
		}
	}
	if len(messages) == 0 {
		t.Fatal("no envelope has an object with a WSDL")
	}
	for i, got := range decode(t, dir, messages) {
		check[i](got)
	}
}

// isOf reports whether an envelope has a record and all of its records are of that object.
func (e envelope) isOf(object string) bool {
	found := false
	for _, n := range e.Notifications {
		if n.Record == nil {
			continue
		}
		_, local, _ := strings.Cut(n.Record.Type, ":")
		if local != object {
			return false
		}
		found = true
	}
	return found
}

// assert compares what the generated types have decoded with the envelope: the names of the fields
// that the WSDL has, and the text of those that are strings.
func (e envelope) assert(t *testing.T, name string, s *source, got []notification) {
	t.Helper()
	if len(got) != len(e.Notifications) {
		t.Errorf("%s: got %d notifications, want %d", name, len(got), len(e.Notifications))
		return
	}
	for i, n := range e.Notifications {
		if got[i].ID != n.ID {
			t.Errorf("%s: got the id %q, want %q", name, got[i].ID, n.ID)
		}
		record, want := object(t, got[i].Record), map[string]string{}
		if n.Record != nil {
			want = n.Record.named(s)
		}
		if diff := cmp.Diff(slices.Sorted(maps.Keys(want)),
			slices.Sorted(maps.Keys(record))); diff != "" {
			t.Errorf("%s: names of the fields (-want +got):\n%s", name, diff)
		}
		for field, value := range record {
			if text, ok := value.(string); ok && text != want[field] {
				t.Errorf("%s: got %q in the field %s, want %q", name, text, field, want[field])
			}
		}
	}
}

// named returns the text of the fields that the WSDL has, by name.
func (r *untypedRecord) named(s *source) map[string]string {
	texts := map[string]string{}
	for _, sent := range r.Fields {
		for _, f := range s.Fields {
			if f.Name == sent.XMLName.Local {
				texts[f.Name] = sent.Text
			}
		}
	}
	return texts
}
