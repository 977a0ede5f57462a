//go:build !linux && !darwin && !windows

package store

// diskFree does not know the disks of this system.
func diskFree(string) (bytes int64, ok bool) { return 0, false }
