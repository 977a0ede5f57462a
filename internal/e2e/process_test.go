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

// testTimeout is how long anything may take that should take much less: the tests share the machine with others.
const testTimeout = 30 * time.Second

// output collects what a process writes, and may be read meanwhile.
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

// count tells how often a text stands in the output.
func (o *output) count(text string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.Count(o.text.Bytes(), []byte(text))
}

// process is a running binary.
type process struct {
	owner          testing.TB
	cmd            *exec.Cmd
	stdout, stderr output
	ended          chan struct{} // closed when it has exited
}

// spawn starts the binary in a folder, with nothing in its environment but what is given and what any process needs.
// It is killed at the end of the test at the latest.
func spawn(tb testing.TB, dir string, env []string, args ...string) *process {
	tb.Helper()
	return spawnCommand(tb, dir, env, binary, args...)
}

// spawnCommand starts any program so.
func spawnCommand(tb testing.TB, dir string, env []string, program string, args ...string) *process {
	tb.Helper()
	p := &process{owner: tb, cmd: exec.Command(program, args...), ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.SysProcAttr = dir, dependent()
	p.cmd.Env = append(inherited(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	started := make(chan error)
	go func() {
		// The kernel ends the process with the thread that started it: the thread has to last as long.
		runtime.LockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // the exit code is what counts
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.cleanUp)
	return p
}

// inherited is what a process needs of the environment, and nothing that changes what the binary does.
func inherited() []string {
	kept := []string{"GORACE=atexit_sleep_ms=0"} // else each process with the race detector takes a second to end
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "SYSTEMROOT"} {
		if value, ok := os.LookupEnv(name); ok {
			kept = append(kept, name+"="+value)
		}
	}
	return kept
}

func (p *process) cleanUp() {
	p.kill9()
	log := p.stderr.String()
	if strings.Contains(log, "DATA RACE") || strings.Contains(log, "panic: ") {
		p.owner.Errorf("%v: a race or a panic", p.cmd.Args)
	}
	if p.owner.Failed() {
		p.owner.Logf("%v wrote:\n%s", p.cmd.Args, log[max(0, len(log)-4000):])
	}
}

// kill9 ends the process as a crash of the machine does, if it runs.
func (p *process) kill9() {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.owner.Errorf("kill: %v", err)
	}
	<-p.ended
}

// term asks the process to end, and gives its exit code and how long it took.
func (p *process) term() (code int, took time.Duration) {
	p.owner.Helper()
	started := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.owner.Fatalf("terminate: %v", err)
	}
	return p.wait(), time.Since(started)
}

// wait gives the exit code as soon as the process has ended by itself.
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

// running tells whether the process has not ended yet.
func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// eventually asks until it is so, and gives up after a time.
func eventually(tb testing.TB, within time.Duration, what string, isSo func() bool) {
	tb.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	timeout := time.After(within)
	for !isSo() {
		select {
		case <-ticker.C:
		case <-timeout:
			tb.Fatalf("not within %s: %s", within, what)
		}
	}
}
