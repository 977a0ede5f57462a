package e2e_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ackbox/store/storetest"
)

// TestHeroku builds as the Go buildpack of Heroku does, and runs the commands of the Procfile in
// the environment of a dyno: release before a new version starts, then web.
func TestHeroku(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	app := t.TempDir()
	build := exec.Command("go", "install", "./cmd/...")
	build.Dir = root
	build.Env = append(os.Environ(), "GOBIN="+filepath.Join(app, "bin"), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, output)
	}
	lines := procfile(t, filepath.Join(root, "Procfile"))
	in := install(t, "DYNO=web.1", "DATABASE_URL="+storetest.URL(t, storetest.Postgres),
		"ACKBOX_HOST=127.0.0.1", "HEROKU_APP_DEFAULT_DOMAIN_NAME=inbox-0123.herokuapp.com", "PORT=0")
	in.dir = app

	release := in.shell(lines["release"])
	if code := release.wait(); code != 0 {
		t.Fatalf("release: got exit code %d: %s", code, release.stderr.String())
	}
	added := in.cli("source", "add", "crm", "--org", organization)
	url := strings.TrimSpace(added.stdout)
	path, ok := strings.CutPrefix(url, "https://inbox-0123.herokuapp.com")
	if !ok {
		t.Fatalf("got the URL %q, want one in the domain of the app", url)
	}
	in.paths["crm"] = path

	s := &server{installation: in, process: in.shell("exec " + lines["web"])}
	eventually(t, testTimeout, "web listens", func() bool {
		if match := listening.FindStringSubmatch(s.stderr.String()); match != nil {
			s.addr = match[1]
		}
		return s.addr != "" || !s.running()
	})
	s.ready()
	in.ok("send", s.url("crm"), "--count", "20", "--notifications", "5")
	if got := len(s.export()); got != 100 {
		t.Errorf("got %d notifications, want 100", got)
	}
	if code, _ := s.term(); code != 0 {
		t.Errorf("got exit code %d after SIGTERM: %s", code, s.stderr.String())
	}
}

// shell runs a command line as a dyno does.
func (in *installation) shell(line string) *process {
	in.tb.Helper()
	return spawnCommand(in.tb, in.dir, in.env, "sh", "-c", line)
}

// procfile returns the command lines of a Procfile by process type.
func procfile(t *testing.T, path string) map[string]string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := map[string]string{}
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		if name, line, ok := strings.Cut(scanner.Text(), ": "); ok {
			lines[name] = line
		}
	}
	if lines["release"] == "" || lines["web"] == "" {
		t.Fatalf("the Procfile has only %v", lines)
	}
	return lines
}
