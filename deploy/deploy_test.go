// Package deploy_test checks the files of this folder as far as that is possible without a cluster.
package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// read returns the content of a file, by its path from this folder.
func read(tb testing.TB, path string) string {
	tb.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return string(content)
}

// systemd-analyze also looks for the program, which is not installed here.
func TestTheUnitIsValid(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	const program = "ExecStart=/usr/local/bin/ackbox "
	unit := read(t, "ackbox.service")
	if strings.Count(unit, program) != 1 {
		t.Fatalf("got no %q in the unit", program)
	}
	path := filepath.Join(t.TempDir(), "ackbox.service")
	unit = strings.Replace(unit, program, "ExecStart=/bin/sh ", 1)
	if err := os.WriteFile(path, []byte(unit), 0o600); err != nil {
		t.Fatal(err)
	}
	output, err := exec.Command("systemd-analyze", "verify", "--man=no", path).CombinedOutput()
	if err != nil || strings.Contains(string(output), "ackbox.service:") {
		t.Errorf("got %v: %s", err, output)
	}
}

var (
	inYAML      = regexp.MustCompile(`(?m)^ +([A-Z][A-Z_]+): |name: ([A-Z][A-Z_]+), value`)
	inUnit      = regexp.MustCompile(`(?m)^Environment=(.*)$`)
	inImage     = regexp.MustCompile(`(?m)^ENV (.*)$`)
	assignments = regexp.MustCompile(`([A-Z_]+)=`)
)

// settings returns the variables that a file sets for ackbox.
func settings(name, text string) (found []string) {
	lines := inUnit
	switch {
	case strings.HasSuffix(name, ".yaml"):
		for _, match := range inYAML.FindAllStringSubmatch(text, -1) {
			found = append(found, match[1]+match[2])
		}
		return found
	case name == "Dockerfile":
		lines = inImage
	}
	for _, line := range lines.FindAllStringSubmatch(text, -1) {
		for _, match := range assignments.FindAllStringSubmatch(line[1], -1) {
			found = append(found, match[1])
		}
	}
	return found
}

func TestSettingsExist(t *testing.T) {
	t.Parallel()
	documented := read(t, "../docs/configuration.md")
	others := []string{"VERSION", "POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD"}
	for _, name := range []string{"Dockerfile", "compose.yaml", "ackbox.service", "kubernetes.yaml"} {
		found := settings(name, read(t, name))
		if len(found) == 0 {
			t.Errorf("%s: got no settings", name)
		}
		for _, setting := range found {
			if !slices.Contains(others, setting) && !strings.Contains(documented, "`"+setting+"`") {
				t.Errorf("%s sets %s, which is not in docs/configuration.md", name, setting)
			}
		}
	}
}

var (
	goVersion = regexp.MustCompile(`(?m)^go (\d+\.\d+)`)
	goImage   = regexp.MustCompile(`(?m)^FROM golang:(\d+\.\d+) AS build$`)
	user      = regexp.MustCompile(`(?m)^USER (\d+)(:\d+)?$`)
)

func TestTheImageIsBuiltWithTheGoOfTheModuleAndRunsUnprivileged(t *testing.T) {
	t.Parallel()
	image := read(t, "Dockerfile")
	want := goVersion.FindStringSubmatch(read(t, "../go.mod"))
	if got := goImage.FindStringSubmatch(image); got == nil || want == nil || got[1] != want[1] {
		t.Errorf("got the Go image %q, want the version %q", got, want)
	}
	if got := user.FindAllStringSubmatch(image, -1); len(got) != 1 || got[0][1] == "0" {
		t.Errorf("got the users %q, want one that is not root", got)
	}
	code := read(t, "../cmd/ackbox/cli.go")
	if !strings.Contains(image, "main.release=") || !strings.Contains(code, "\nvar release string\n") {
		t.Error("the image does not set the variable of the version")
	}
}

// fakeGo writes into the binary what it was asked to build, so that no minutes are spent on it.
const fakeGo = `#!/bin/sh
for argument; do
	[ "$previous" != -o ] || output=$argument
	previous=$argument
done
echo "cgo=$CGO_ENABLED $GOOS/$GOARCH $*" > "$output"
`

func TestDistBuildsStaticBinariesWithChecksums(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"make", "sha256sum"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(program + " is not installed")
		}
	}
	bin, dist := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "go"), []byte(fakeGo), 0o700); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("make", "dist", "DIST="+dist, "VERSION=v1.2.3")
	build.Dir, build.Env = "..", append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	for _, system := range []string{"linux", "darwin", "windows"} {
		for _, machine := range []string{"amd64", "arm64"} {
			name := "ackbox-v1.2.3-" + system + "-" + machine
			if system == "windows" {
				name += ".exe"
			}
			got, want := read(t, filepath.Join(dist, name)), "cgo=0 "+system+"/"+machine+" build -trimpath "
			if !strings.HasPrefix(got, want) || !strings.Contains(got, "-X main.release=v1.2.3 ") {
				t.Errorf("%s: got %q, want %q and the version", name, got, want)
			}
		}
	}
	sums := exec.Command("sha256sum", "--check", "--strict", "SHA256SUMS")
	sums.Dir = dist
	if output, err := sums.CombinedOutput(); err != nil || strings.Count(string(output), ": OK") != 6 {
		t.Errorf("got %v: %s, want 6 checksums", err, output)
	}
}
