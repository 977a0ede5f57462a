package e2e_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ackbox/store/storetest"
)

// installation is a working directory and the environment in which the binary runs.
type installation struct {
	tb    testing.TB
	dir   string
	env   []string
	paths map[string]string // of the URLs of the sources, by name

	descriptors int // limit of open files of the inbox, if not 0
}

// install creates an installation with settings, such as DATABASE_URL=….
func install(tb testing.TB, env ...string) *installation {
	tb.Helper()
	return &installation{tb: tb, dir: tb.TempDir(), env: env, paths: map[string]string{}}
}

// result is what a command printed, and its exit code.
type result struct {
	stdout, stderr string
	code           int
}

// cli runs a command until it ends.
func (in *installation) cli(args ...string) result {
	in.tb.Helper()
	p := spawn(in.tb, in.dir, in.env, args...)
	code := p.wait()
	return result{p.stdout.String(), p.stderr.String(), code}
}

// ok runs a command that must succeed, and returns its stdout.
func (in *installation) ok(args ...string) string {
	in.tb.Helper()
	got := in.cli(args...)
	if got.code != 0 {
		in.tb.Fatalf("%v: got exit code %d: %s", args, got.code, got.stderr)
	}
	return got.stdout
}

// issued is the output of source add --json and source rotate --json.
type issued struct {
	Name  string `json:"name"`
	Path  string `json:"path"`
	Token string `json:"token"`
}

// add adds a source and keeps its path.
func (in *installation) add(name string, flags ...string) issued {
	in.tb.Helper()
	out := in.ok(append([]string{"source", "add", name, "--json"}, flags...)...)
	var made issued
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		in.tb.Fatalf("source add --json: %v", err)
	}
	in.paths[name] = made.Path
	return made
}

// server is an installation whose inbox runs.
type server struct {
	*installation
	*process
	addr string
}

var listening = regexp.MustCompile(`msg=listening addr=(\S+)`)

// serve starts the inbox on a free port and waits until it listens, but not for the database.
func (in *installation) serve(flags ...string) *server {
	in.tb.Helper()
	in.set("ACKBOX_HOST", "127.0.0.1")
	return in.serveAt("0", flags...)
}

// smallMachine is the soft limit that serve has on a machine of 512 MiB or without a limit. The
// bounds of memory are for that, whatever the control group in which the tests run lets it use.
const smallMachine = "GOMEMLIMIT=128MiB"

// serveAt starts the inbox on a port in the same way.
func (in *installation) serveAt(port string, flags ...string) *server {
	in.tb.Helper()
	in.set("PORT", port)
	args := append([]string{"serve"}, flags...)
	program := binary
	if in.descriptors > 0 {
		args = append([]string{"-c", fmt.Sprintf(`ulimit -n %d; exec "$0" "$@"`, in.descriptors), binary}, args...)
		program = "sh"
	}
	env := append([]string{smallMachine}, in.env...)
	s := &server{installation: in, process: spawnCommand(in.tb, in.dir, env, program, args...)}
	eventually(in.tb, testTimeout, "serve listens", func() bool {
		match := listening.FindStringSubmatch(s.stderr.String())
		if match != nil {
			s.addr = match[1]
		}
		return match != nil || !s.running()
	})
	_, port, err := net.SplitHostPort(s.addr)
	if err != nil {
		in.tb.Fatalf("serve ended: %s", s.stderr.String())
	}
	in.set("PORT", port) // commands print URLs with it
	return s
}

// set sets a setting, in place of its former value.
func (in *installation) set(name, value string) {
	in.env = slices.DeleteFunc(in.env, func(s string) bool {
		return strings.HasPrefix(s, name+"=")
	})
	in.env = append(in.env, name+"="+value)
}

// start creates an installation with settings, starts its inbox and waits until it is ready.
func start(tb testing.TB, env ...string) *server {
	tb.Helper()
	s := install(tb, env...).serve()
	s.ready()
	return s
}

// startWith creates an installation on a database with a source that any organization may post to,
// starts its inbox and waits until it is ready.
func startWith(tb testing.TB, database, source string, env ...string) *server {
	tb.Helper()
	in := install(tb, append(env, "DATABASE_URL="+database)...)
	in.add(source)
	s := in.serve()
	s.ready()
	return s
}

// restart starts an inbox that has ended again, on the same port.
func (s *server) restart() {
	s.tb.Helper()
	<-s.ended
	_, port, _ := net.SplitHostPort(s.addr)
	again := s.serveAt(port)
	s.process, s.addr = again.process, again.addr
}

func (s *server) base() string {
	_, port, _ := net.SplitHostPort(s.addr)
	if s.setting("TLS_CERT") != "" {
		return "https://127.0.0.1:" + port
	}
	return "http://127.0.0.1:" + port
}

// url returns the URL of a source.
func (s *server) url(source string) string {
	s.tb.Helper()
	path, ok := s.paths[source]
	if !ok {
		s.tb.Fatalf("no source %s was added", source)
	}
	return s.base() + path
}

// ready waits until /readyz says that messages are stored, or the process has ended.
func (s *server) ready() {
	s.tb.Helper()
	eventually(s.tb, testTimeout, "ready", func() bool {
		return !s.running() || get(s.tb, s.base()+"/readyz").status == http.StatusOK
	})
}

// each runs a test on each database driver, with the DATABASE_URL of an empty database.
func each(t *testing.T, test func(t *testing.T, database string)) {
	t.Helper()
	for _, driver := range []string{storetest.SQLite, storetest.Postgres} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			test(t, storetest.URL(t, driver))
		})
	}
}
