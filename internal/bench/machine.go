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

// machine says in one line what the figures were measured on.
func (h *harness) machine(ctx context.Context) (string, error) {
	sync, err := syncTime(h.folder)
	if err != nil {
		return "", fmt.Errorf("measure disk: %w", err)
	}
	parts := []string{
		fmt.Sprintf("%d CPUs", runtime.NumCPU()), runtime.GOARCH, runtime.Version(),
		fmt.Sprintf("a sync of 8 KiB takes %.2f ms", float64(sync)/float64(time.Millisecond)),
	}
	if h.databases.admin != nil {
		var version string
		if err := h.databases.admin.QueryRowContext(ctx, "show server_version").Scan(&version); err != nil {
			return "", err
		}
		version, _, _ = strings.Cut(version, " ")
		parts = append(parts, "PostgreSQL "+version)
	}
	return strings.Join(parts, ", "), nil
}

// syncTime is the median time to write 8 KiB, a page of PostgreSQL, to the disk: the least that a commit costs.
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
