//go:build unix

package main

import (
	"math"
	"syscall"
)

// maxDescriptors returns how many files and connections this process may have open, or 0 if that is
// not known. Go's runtime has raised the soft limit to the hard one.
func maxDescriptors() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return int(min(limit.Cur, math.MaxInt32))
}
