package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// machine describes in one line the machine of the measurements.
func (h *harness) machine(ctx context.Context) (string, error) {
	var sync time.Duration
	disk := &syncDelay{delay: h.SyncDelay} // not h.sync, which counts those of the runs
	err := disk.onThread(func() (err error) {
		sync, err = syncTime(h.folder)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("measure disk: %w", err)
	}
	parts := []string{
		fmt.Sprintf("%d CPUs", runtime.NumCPU()), runtime.GOARCH, runtime.Version(),
		fmt.Sprintf("a sync of 8 KiB takes %.2f ms", float64(sync)/float64(time.Millisecond)),
	}
	if h.databases.admin != nil {
		var version string
		row := h.databases.admin.QueryRowContext(ctx, "show server_version")
		if err := row.Scan(&version); err != nil {
			return "", err
		}
		version, _, _ = strings.Cut(version, " ")
		parts = append(parts, "PostgreSQL "+version)
	}
	return strings.Join(parts, ", "), nil
}

// syncTime returns the median time to write 8 KiB, a page of PostgreSQL, to the disk. A commit
// takes at least as long.
func syncTime(folder string) (_ time.Duration, err error) {
	file, err := os.Create(filepath.Join(folder, "sync"))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	page := make([]byte, 8<<10)
	times := make([]time.Duration, 101)
	for i := range times {
		started := time.Now()
		if _, err := file.WriteAt(page, 0); err != nil {
			return 0, err
		}
		if err := file.Sync(); err != nil {
			return 0, err
		}
		times[i] = time.Since(started)
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}
