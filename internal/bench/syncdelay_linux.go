package main

import (
	"errors"
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// install delays the syncs of the calling thread and of the processes that it starts. It needs
// Linux 5.9.
func (s *syncDelay) install() error {
	// Without it, only root may install a filter.
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("prctl: %w", err)
	}
	// The numbers of other architectures are not told apart: a call that is delayed by mistake is
	// made all the same.
	const allow, ask = unix.SECCOMP_RET_ALLOW, unix.SECCOMP_RET_USER_NOTIF
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the number of the call
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 2, K: unix.SYS_FSYNC},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 1, K: unix.SYS_FDATASYNC},
		{Code: unix.BPF_RET | unix.BPF_K, K: allow},
		{Code: unix.BPF_RET | unix.BPF_K, K: ask},
	}
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, uintptr(unsafe.Pointer(&filter))) //nolint:gosec // the kernel reads it
	if errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	go s.answer(int(fd))
	return nil
}

// seccompNotification is the kernel's struct seccomp_notif.
type seccompNotification struct {
	ID   uint64
	_    [2]uint32 // pid, flags
	_, _ uint32    // number of the call, architecture
	_    uint64    // instruction pointer
	_    [6]uint64 // arguments
}

// seccompResponse is the kernel's struct seccomp_notif_resp.
type seccompResponse struct {
	ID    uint64
	_     int64 // the result of a call that is not made
	_     int32 // and its error
	Flags uint32
}

// waiting is a sync that is being delayed.
type waiting struct {
	id    uint64
	until time.Time
}

// answer answers each sync after the delay, until no thread has the filter anymore. All wait
// equally long, so the oldest is the first to be answered. One thread does all: timers take Go's
// scheduler more CPU time.
func (s *syncDelay) answer(fd int) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer unix.Close(fd)
	var delayed []waiting
	used := threadTime()
	for {
		events := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		_, err := unix.Ppoll(events, timeout(delayed), nil)
		if events[0].Revents&unix.POLLIN != 0 {
			var n seccompNotification
			// It fails if the thread was interrupted or has ended.
			if ioctl(fd, unix.SECCOMP_IOCTL_NOTIF_RECV, &n) == 0 {
				s.syncs.Add(1)
				delayed = append(delayed, waiting{n.ID, time.Now().Add(s.delay)})
			}
		} else if events[0].Revents != 0 || err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
		for len(delayed) > 0 && time.Until(delayed[0].until) <= 0 {
			r := seccompResponse{ID: delayed[0].id, Flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
			// It fails if the thread was interrupted, which makes the call again, or has ended.
			ioctl(fd, unix.SECCOMP_IOCTL_NOTIF_SEND, &r)
			delayed = delayed[1:]
		}
		now := threadTime()
		s.cpu.Add(int64(now - used))
		used = now
	}
}

// threadTime returns the CPU time of the calling thread.
func threadTime() time.Duration {
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_THREAD, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// timeout returns how long poll may wait: until the first sync is to be answered.
func timeout(delayed []waiting) *unix.Timespec {
	if len(delayed) == 0 {
		return nil
	}
	left := unix.NsecToTimespec(max(0, time.Until(delayed[0].until).Nanoseconds()))
	return &left
}

func ioctl[T any](fd int, request uintptr, argument *T) unix.Errno {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request,
		uintptr(unsafe.Pointer(argument))) //nolint:gosec // the kernel reads or writes it
	return errno
}
