package e2e_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// one returns a message with one notification, whose id is made from id.
func one(id string) []byte {
	return envelope(lead("04lS1000000"+id+"IAA", "00QS1000000"+id+"IAA", ""))
}

func TestChangesOfSourcesActOnAServerThatRuns(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		s := start(t, "DATABASE_URL="+database)
		s.add("crm")
		requireAckSoon(t, s.url("crm"), one("0001"))
		soon := func(want int, args ...string) {
			t.Helper()
			if got := s.ok(args...); got != "" {
				t.Errorf("%v: got %q on stdout, want nothing", args, got)
			}
			requireStatusSoon(t, s.url("crm"), one("0001"), want)
		}
		soon(http.StatusNotFound, "source", "disable", "crm")
		soon(http.StatusNotFound, "source", "disable", "crm")
		soon(http.StatusOK, "source", "enable", "crm")
		soon(http.StatusForbidden, "source", "allow", "crm", "--org", stranger)
		soon(http.StatusOK, "source", "allow", "crm", "--org", organization[:15])
		soon(http.StatusForbidden, "source", "deny", "crm", "--org", organization)
		soon(http.StatusOK, "source", "deny", "crm", "--org", stranger) // with none listed, any may post
		got := s.cli("source", "remove", "crm")
		if got.code != 1 || !strings.Contains(got.stderr, "has notifications") {
			t.Errorf("remove a source with notifications: got %+v, want exit code 1 and why", got)
		}
		requireAck(t, post(t, s.url("crm"), one("0001")))
		s.add("empty")
		requireStatusSoon(t, s.url("empty"), []byte("no XML"), http.StatusBadRequest)
		s.ok("source", "remove", "empty")
		requireStatusSoon(t, s.url("empty"), one("0002"), http.StatusNotFound)
		if got := s.export(); len(got) != 1 {
			t.Errorf("got %d notifications, want the one", len(got))
		}
	})
}

func TestRotationKeepsTheOldURLForAWhile(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		s := startWith(t, database, "crm")
		rotate := func(keep string) (old, renewed string) {
			t.Helper()
			old = s.url("crm")
			var made issued
			out := s.ok("source", "rotate", "crm", "--keep", keep, "--json")
			if err := json.Unmarshal([]byte(out), &made); err != nil {
				t.Fatal(err)
			}
			s.paths["crm"] = made.Path
			return old, s.url("crm")
		}
		old, renewed := rotate("1h")
		requireAckSoon(t, renewed, one("0001"))
		requireAck(t, post(t, old, one("0002")))
		requireAck(t, post(t, renewed, one("0003")))

		const keep = 2 * time.Second
		started := time.Now()
		old, renewed = rotate(keep.String())
		requireAckSoon(t, renewed, one("0004"))
		if got := post(t, old, one("0005")); got != acked && time.Since(started) < keep {
			t.Errorf("got %+v from the old URL before its expiry", got)
		}
		requireStatusSoon(t, old, one("0006"), http.StatusNotFound)
		if took := time.Since(started); took < keep {
			t.Errorf("the old URL expired after %s, want %s", took, keep)
		}
		old, renewed = rotate("0")
		requireStatusSoon(t, old, one("0006"), http.StatusNotFound)
		requireAckSoon(t, renewed, one("0006"))
	})
}

var printedURL = regexp.MustCompile(`^http://localhost:\d+/outbound/[A-Za-z0-9_-]{20,}\n$`)

func TestSourceCommandsPrintTheirResultOnly(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		in := install(t, "DATABASE_URL="+database)
		if got := in.ok("source", "add", "plain"); !printedURL.MatchString(got) {
			t.Errorf("source add: got %q on stdout, want the URL", got)
		}
		if got := in.ok("source", "rotate", "plain"); !printedURL.MatchString(got) {
			t.Errorf("source rotate: got %q on stdout, want the URL", got)
		}
		for _, args := range [][]string{{"add", "crm", "--org", organization}, {"rotate", "crm"}} {
			out := in.ok(append(append([]string{"source"}, args...), "--json")...)
			var made issued
			if err := json.Unmarshal([]byte(out), &made); err != nil {
				t.Fatal(err)
			}
			want := `{"name":"crm","path":"/outbound/` + made.Token +
				`","token":"` + made.Token + `"}` + "\n"
			if diff := cmp.Diff(want, out); diff != "" || made.Token == "" {
				t.Errorf("source %v --json (-want +got):\n%s", args, diff)
			}
		}
		listed := in.ok("source", "list", "--json")
		if !strings.Contains(listed, `"name":"crm"`) || !strings.Contains(listed, organization) ||
			strings.Count(listed, "\n") != 2 || strings.Contains(listed, "token") {
			t.Errorf("source list --json: got %q, want a line for each source, without tokens", listed)
		}
		for _, args := range [][]string{
			{"disable"}, {"enable"}, {"allow", "--org", organization}, {"remove"},
		} {
			args = append([]string{"source", args[0], "plain"}, args[1:]...)
			if got := in.ok(args...); got != "" {
				t.Errorf("%v: got %q on stdout, want nothing", args, got)
			}
		}
		got := in.cli("source", "allow", "crm", "--org", "no-id")
		if got.code != 2 || !strings.Contains(got.stderr, "--force") {
			t.Errorf("got %+v for an invalid organization id, want exit code 2 and --force", got)
		}
	})
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		in := install(t, "DATABASE_URL="+database)
		in.add("crm")
		for _, test := range []struct {
			args []string
			want int
		}{
			{[]string{"--help"}, 0},
			{[]string{"--version"}, 0},
			{[]string{"serve", "--help"}, 0},
			{[]string{"source", "add", "crm"}, 1},
			{[]string{"source", "add", "a b"}, 2},
			{[]string{"source", "disable", "nobody"}, 1},
			{[]string{"source", "remove", "nobody"}, 1},
			{[]string{"source", "deny", "crm", "--org", organization}, 1},
			{[]string{"export", "--source", "nobody"}, 1},
			{[]string{}, 2},
			{[]string{"receive"}, 2},
			{[]string{"source", "add"}, 2},
			{[]string{"source", "allow", "crm"}, 2},
			{[]string{"source", "rotate", "crm", "--keep", "long"}, 2},
			{[]string{"export", "--format", "xml"}, 2},
			{[]string{"export", "--since", "yesterday"}, 2},
			{[]string{"export", "--no-such-flag"}, 2},
			{[]string{"serve", "--body-limit", "much"}, 2},
			{[]string{"send", "no URL"}, 2},
			{[]string{"send"}, 2},
			{[]string{"prune"}, 2},
		} {
			got := in.cli(test.args...)
			if got.code != test.want {
				t.Errorf("%q: got exit code %d, want %d: %s",
					test.args, got.code, test.want, got.stderr)
			}
			if test.want != 0 && (got.stdout != "" || got.stderr == "") {
				t.Errorf("%q: got %q on stdout and %q on stderr, want the error on stderr only",
					test.args, got.stdout, got.stderr)
			}
		}
	})
}
