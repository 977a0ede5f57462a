package e2e_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ackbox/soap"
)

// corpus returns the real request bodies in the folder that ACKBOX_CORPUS names, by file name.
func corpus(tb testing.TB) map[string][]byte {
	tb.Helper()
	folder := os.Getenv("ACKBOX_CORPUS")
	if folder == "" {
		tb.Skip("ACKBOX_CORPUS names no folder of real request bodies")
	}
	paths, err := filepath.Glob(filepath.Join(folder, "envelopes", "*.xml"))
	if err != nil || len(paths) == 0 {
		tb.Fatalf("no envelopes in ACKBOX_CORPUS=%s (%v)", folder, err)
	}
	bodies := make(map[string][]byte, len(paths))
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		bodies[filepath.Base(path)] = body
	}
	return bodies
}

// isReadable reports whether a real body is valid. Its publisher broke some on purpose.
func isReadable(name string) bool {
	return !strings.HasPrefix(name, "broken_missing") && !strings.HasPrefix(name, "synthetic_empty")
}

// delivery is a real body and the source that it alone is posted to.
type delivery struct {
	sent
	file, source string
}

// deliveries adds a source for each readable body, to which only its organization may post.
func deliveries(tb testing.TB, in *installation) []delivery {
	tb.Helper()
	bodies := corpus(tb)
	var all []delivery
	for _, file := range slices.Sorted(maps.Keys(bodies)) {
		if isReadable(file) {
			d := delivery{walk(tb, bodies[file]), file, fmt.Sprintf("source%02d", len(all))}
			in.add(d.source, "--org", d.organization, "--force") // some ids in the corpus were altered
			all = append(all, d)
		}
	}
	return all
}

func TestRealBodiesAreStoredOnceAndAsSent(t *testing.T) {
	t.Parallel()
	corpus(t) // skips the test without one
	each(t, func(t *testing.T, database string) {
		in := install(t, "DATABASE_URL="+database)
		all := deliveries(t, in)
		s := in.serve()
		s.ready()
		post := func(bodies func(d delivery) [][]byte) {
			for _, d := range all {
				for _, body := range bodies(d) {
					if got := post(t, s.url(d.source), body); got != acked {
						t.Errorf("%s: got %+v, want the Ack", d.file, got)
					}
				}
			}
		}
		original := func(d delivery) [][]byte { return [][]byte{d.body} }
		post(original)
		stored := bySource(s.export())
		for _, d := range all {
			requireAsSent(t, d, stored[d.source])
		}
		post(original)
		requireAdded(t, s, stored, nil)
		post(delivery.split)
		post(func(d delivery) [][]byte { return [][]byte{d.reversed()} })
		requireAdded(t, s, stored, nil)

		revised := map[string]string{} // the notification's id by source
		post(func(d delivery) [][]byte {
			body, id, ok := d.changed()
			if !ok {
				return nil // no field has text
			}
			revised[d.source] = id
			return [][]byte{body}
		})
		requireAdded(t, s, stored, revised)
		post(original)
		requireAdded(t, s, stored, revised)
	})
}

func bySource(lines []line) map[string][]line {
	stored := map[string][]line{}
	for _, l := range lines {
		stored[l.Source] = append(stored[l.Source], l)
	}
	return stored
}

// requireAsSent compares what is stored of a body with what encoding/xml reads in it.
func requireAsSent(t *testing.T, d delivery, stored []line) {
	t.Helper()
	byID := map[string]line{}
	for _, l := range stored {
		byID[l.NotificationID] = l
	}
	if len(stored) != len(d.notifications) || len(byID) != len(stored) {
		t.Errorf("%s: got %d notifications with %d ids, want %d",
			d.file, len(stored), len(byID), len(d.notifications))
	}
	for _, n := range d.notifications {
		l, ok := byID[n.id]
		switch {
		case !ok:
			t.Errorf("%s: notification %s is not stored", d.file, n.id)
		case l.OrganizationID != d.organization || l.Revision != 1:
			t.Errorf("%s: got organization %s and revision %d", d.file, l.OrganizationID, l.Revision)
		case !n.hasRecord:
			if l.ObjectType != nil || l.RecordID != nil || string(l.Fields) != "null" {
				t.Errorf("%s: got a record of %s, which was sent without one", d.file, n.id)
			}
		case l.ObjectType == nil || *l.ObjectType != n.objectType:
			t.Errorf("%s: %s is not of the type %s", d.file, n.id, n.objectType)
		default:
			requireFields(t, d.file, n, l)
		}
	}
}

func requireFields(t *testing.T, file string, n sentNotification, l line) {
	t.Helper()
	stored := pairs(t, l.Fields)
	if len(stored) != len(n.fields) {
		t.Errorf("%s: %s: got %d fields, want %d", file, n.id, len(stored), len(n.fields))
		return
	}
	for i, f := range n.fields {
		if stored[i].name != f.name || !f.matches(stored[i].value) {
			t.Errorf("%s: %s: got %s = %#v, want %s = %q (nil: %t)",
				file, n.id, stored[i].name, stored[i].value, f.name, f.text, f.isNil)
		}
		if f.name == "Id" && (l.RecordID == nil || *l.RecordID != f.text) {
			t.Errorf("%s: %s: the id of the record is not %q", file, n.id, f.text)
		}
	}
}

// requireAdded checks that what was stored still is, and that one revision was added for each of
// the revised notifications.
func requireAdded(t *testing.T, s *server, before map[string][]line, revised map[string]string) {
	t.Helper()
	now := bySource(s.export())
	for source, lines := range before {
		added := now[source][min(len(lines), len(now[source])):]
		id, isRevised := revised[source]
		switch {
		case !isRevised && len(added) != 0:
			t.Errorf("%s: got %d more, want none", source, len(added))
		case isRevised && (len(added) != 1 || added[0].NotificationID != id || added[0].Revision != 2):
			t.Errorf("%s: got %+v more, want revision 2 of %s", source, added, id)
		}
	}
}

func TestBrokenRealBodiesAreRefused(t *testing.T) {
	t.Parallel()
	bodies := corpus(t)
	each(t, func(t *testing.T, database string) {
		s := startWith(t, database, "any")
		refused := 0
		for file, body := range bodies {
			if !isReadable(file) {
				checkFault(t, post(t, s.url("any"), body), 400, soap.FaultClient)
				refused++
			}
		}
		if got := s.export(); len(got) != 0 {
			t.Errorf("got %d notifications, want none", len(got))
		}
		if got := len(s.refusals()); got != refused || refused == 0 {
			t.Errorf("got %d refusals, want %d", got, refused)
		}
	})
}
