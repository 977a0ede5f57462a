package main

import (
	"fmt"
	"os/exec"
	"runtime"
	"sync/atomic"
	"time"
)

// syncDelay makes the disk of the processes that it starts slow: each fsync and fdatasync of theirs
// waits for a time before it is made. A seccomp filter, which a process inherits from the thread
// that starts it, lets the kernel ask this process about these two calls alone, and this process
// answers late (seccomp_unotify(2)). So it works for a static binary, which LD_PRELOAD does not,
// and costs the other calls nothing that can be measured, which strace does.
type syncDelay struct {
	delay time.Duration // 0 delays nothing and installs no filter
	syncs atomic.Int64  // how many were delayed
	cpu   atomic.Int64  // the CPU time that answering took, in nanoseconds
}

// start starts a command whose syncs are delayed.
func (s *syncDelay) start(cmd *exec.Cmd) error { return s.onThread(cmd.Start) }

// onThread calls a function on a thread of its own whose syncs, and those of the processes that it
// starts, are delayed. The thread ends with the function, because a filter cannot be removed.
func (s *syncDelay) onThread(call func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- s.onThisThread(call)
	}()
	return <-done
}

// onThisThread calls a function on the calling thread, which must be locked and must end with the
// goroutine.
func (s *syncDelay) onThisThread(call func() error) error {
	if s.delay > 0 {
		if err := s.install(); err != nil {
			return fmt.Errorf("delay syncs: %w", err)
		}
	}
	return call()
}
