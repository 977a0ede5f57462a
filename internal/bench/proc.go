package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of times in /proc, USER_HZ: the kernel reports hundredths of a second to all
// programs.
const tick = time.Second / 100

// process is one line of /proc/PID/stat.
type process struct {
	parent   int
	own      time.Duration // user and system
	children time.Duration // of children that have ended and were waited for
}

func readProcess(pid int) (process, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return process{}, err
	}
	return parseStat(string(text))
}

// parseStat parses a line as proc(5) describes it. The name in parentheses may contain spaces and
// parentheses.
func parseStat(line string) (process, error) {
	fields := strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
	const ppid, utime, count = 4, 14, 4 // proc(5) numbers from 1; fields[0] is number 3
	if len(fields) < utime+count-3 {
		return process{}, errors.New("read /proc: a stat line is too short")
	}
	parent, err := strconv.Atoi(fields[ppid-3])
	if err != nil {
		return process{}, fmt.Errorf("read /proc: %w", err)
	}
	var ticks [count]int64
	for i := range ticks {
		if ticks[i], err = strconv.ParseInt(fields[utime-3+i], 10, 64); err != nil {
			return process{}, fmt.Errorf("read /proc: %w", err)
		}
	}
	return process{
		parent:   parent,
		own:      time.Duration(ticks[0]+ticks[1]) * tick,
		children: time.Duration(ticks[2]+ticks[3]) * tick,
	}, nil
}

// cpuTime returns the CPU time of one process.
func cpuTime(pid int) (time.Duration, error) {
	p, err := readProcess(pid)
	return p.own, err
}

// treeCPUTime returns the CPU time of a process and of its children, including those that have
// ended.
func treeCPUTime(pid int) (time.Duration, error) {
	parent, err := readProcess(pid)
	if err != nil {
		return 0, err
	}
	total := parent.own + parent.children
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	for _, folder := range folders {
		child, err := strconv.Atoi(filepath.Base(folder))
		if err != nil {
			return 0, err
		}
		p, err := readProcess(child)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // it has ended
		}
		if err != nil {
			return 0, err
		}
		if p.parent == pid {
			total += p.own
		}
	}
	return total, nil
}

// peakMemory returns the peak resident memory of a process, in bytes.
func peakMemory(pid int) (int64, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(text) {
		if value, ok := strings.CutPrefix(string(line), "VmHWM:"); ok {
			kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, errors.New("read /proc: the status has no VmHWM")
}
