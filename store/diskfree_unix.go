//go:build linux || darwin

package store

import "golang.org/x/sys/unix"

// diskFree returns how many bytes the disk of a folder has for this process. Ok is false if it does
// not say.
func diskFree(folder string) (bytes int64, ok bool) {
	var stat unix.Statfs_t
	if err := unix.Statfs(folder, &stat); err != nil {
		return 0, false
	}
	return int64(stat.Bavail) * int64(stat.Bsize), true //nolint:unconvert // the types differ by system
}
