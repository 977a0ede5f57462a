package e2e_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// testTimeout bounds waits that should be much shorter: the tests share the machine with others.
const testTimeout = 30 * time.Second

// output collects what a process writes, and may be read at the same time.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// count returns how often a text occurs in the output.
func (o *output) count(text string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.Count(o.text.Bytes(), []byte(text))
}

// process is a running program.
type process struct {
	owner          testing.TB
	cmd            *exec.Cmd
	stdout, stderr output
	ended          chan struct{} // closed when the process has ended
}

// spawn starts the binary in a folder, with an environment that holds only env and what any process
// needs. It is killed when the test ends.
func spawn(tb testing.TB, dir string, env []string, args ...string) *process {
	tb.Helper()
	return spawnCommand(tb, dir, env, binary, args...)
}

// spawnCommand starts any program in the same way.
func spawnCommand(
	tb testing.TB, dir string, env []string, program string, args ...string,
) *process {
	tb.Helper()
	p := &process{owner: tb, cmd: exec.Command(program, args...), ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.SysProcAttr = dir, dependent()
	p.cmd.Env = append(inherited(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	started := make(chan error)
	go func() {
		// The kernel kills the process when the thread that started it ends.
		runtime.LockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // callers check the exit code
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.cleanUp)
	return p
}

// inherited returns the part of the environment that a process needs, without anything that changes
// what the binary does.
func inherited() []string {
	// Without it each process with the race detector takes a second to end.
	kept := []string{"GORACE=atexit_sleep_ms=0"}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "SYSTEMROOT"} {
		if value, ok := os.LookupEnv(name); ok {
			kept = append(kept, name+"="+value)
		}
	}
	return kept
}

// cleanUp kills the process, and fails the test if its log shows a data race or a panic.
func (p *process) cleanUp() {
	p.kill9()
	log := p.stderr.String()
	if strings.Contains(log, "DATA RACE") || strings.Contains(log, "panic: ") {
		p.owner.Errorf("%v: the log shows a data race or a panic", p.cmd.Args)
	}
	if p.owner.Failed() {
		p.owner.Logf("%v wrote:\n%s", p.cmd.Args, log[max(0, len(log)-4000):])
	}
}

// kill9 kills the process with SIGKILL, if it runs.
func (p *process) kill9() {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.owner.Errorf("kill: %v", err)
	}
	<-p.ended
}

// term sends SIGTERM, and returns the exit code and how long the process took to end.
func (p *process) term() (code int, took time.Duration) {
	p.owner.Helper()
	started := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.owner.Fatalf("terminate: %v", err)
	}
	return p.wait(), time.Since(started)
}

// wait waits until the process ends by itself, and returns its exit code.
func (p *process) wait() int {
	p.owner.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(2 * testTimeout):
		p.owner.Fatalf("%v did not end", p.cmd.Args)
		return -1
	}
}

// running reports whether the process has not ended yet.
func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// eventually polls a condition until it holds, and fails the test if it does not within a time.
func eventually(tb testing.TB, within time.Duration, what string, holds func() bool) {
	tb.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	timeout := time.After(within)
	for !holds() {
		select {
		case <-ticker.C:
		case <-timeout:
			tb.Fatalf("not within %s: %s", within, what)
		}
	}
}
