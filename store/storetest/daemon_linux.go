package storetest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// Daemon is a program that runs until it is killed, as the user that PostgreSQL needs. Its methods
// are not safe for concurrent use. A nil Daemon has ended.
type Daemon struct {
	process *os.Process
	exited  <-chan error
	ended   bool
}

// StartDaemon starts a program with PATH, HOME and env as its environment. Its output is appended
// to name.log in the folder, which [ServerFolder] has made. When the test process ends, however
// that ends, the program gets a SIGTERM, upon which Patroni also stops its PostgreSQL.
func StartDaemon(
	folder, name string, env []string, program string, args ...string,
) (*Daemon, error) {
	log := filepath.Join(folder, name+".log")
	output, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer output.Close()
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, output, output
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + folder}, env...)
	cmd.SysProcAttr = unprivileged()
	cmd.SysProcAttr.Pdeathsig = syscall.SIGTERM
	exited, err := startBound(cmd)
	if err != nil {
		return nil, err
	}
	return &Daemon{process: cmd.Process, exited: exited}, nil
}

// Running reports whether the program was started and has not ended.
func (d *Daemon) Running() bool {
	if d == nil || d.ended {
		return false
	}
	select {
	case <-d.exited:
		d.ended = true
	default:
	}
	return !d.ended
}

// PID returns the id of the process.
func (d *Daemon) PID() int { return d.process.Pid }

// Kill kills the program, if it runs, and waits for its end.
func (d *Daemon) Kill() {
	if d.Running() {
		_ = d.process.Kill() // it may have ended
		<-d.exited
		d.ended = true
	}
}

// ServerFolder creates a folder that belongs to the user that PostgreSQL needs, and its parents.
func ServerFolder(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	return chownToServer(folder)
}

// WriteServerFile writes a file that the user that PostgreSQL needs may read.
func WriteServerFile(path, content string) error {
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		return err
	}
	return chownToServer(path)
}

// FreePort returns a port of the loopback address that no process listens on at the moment.
func FreePort() (int, error) { return freePort() }

// Binaries returns the folder of PostgreSQL's binaries. Without them it skips or fails the test as
// [Each] does.
func Binaries(tb testing.TB) string {
	tb.Helper()
	bin, err := findBinaries()
	if err != nil {
		unavailable(tb, err)
	}
	return bin
}

// Program returns the path of a program. It also looks where Debian installs servers, which is not
// in everyone's PATH. Without the program it skips the test, or fails it if ACKBOX_TEST_REQUIRE
// names what needs it.
func Program(tb testing.TB, name, debianPackage, what string) string {
	tb.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	if path := filepath.Join("/usr/sbin", name); isFile(path) {
		return path
	}
	skip(tb, what,
		fmt.Errorf("%s is %w (Debian's package is %s)", name, errNotInstalled, debianPackage))
	return ""
}

var errNotInstalled = errors.New("not installed")
