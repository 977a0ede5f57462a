package store

import (
	"math"

	"golang.org/x/sys/windows"
)

// diskFree returns how many bytes the disk of a folder has for this process. Ok is false if it does
// not say.
func diskFree(folder string) (bytes int64, ok bool) {
	path, err := windows.UTF16PtrFromString(folder)
	if err != nil {
		return 0, false
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(path, &free, nil, nil); err != nil {
		return 0, false
	}
	return int64(min(free, math.MaxInt64)), true
}
