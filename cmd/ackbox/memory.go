package main

import (
	"bytes"
	"io/fs"
	"log/slog"
	"math"
	"os"
	slashpath "path"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
)

const (
	// gcPercent is by how much garbage may exceed what is in use before it is collected, in percent.
	// Little is in use for long: with Go's 100, a sixth of the time at full load goes into collecting.
	gcPercent = 400
	// minSoftLimit is how much memory may be in use before garbage is collected earlier than that, if
	// no more is known to be there: huge messages leave more garbage than a small machine, such as
	// Heroku's of 512 MiB, has room for.
	minSoftLimit = 128 << 20
)

// setCollector sets how the garbage collector works, except for what GOGC and GOMEMLIMIT set. It
// keeps room for what messages may take together, in bytes, within the memory of the machine.
func setCollector(messages int64) {
	limit := softLimit(cgroupMemory(os.DirFS("/")), messages)
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	logCollector()
}

// logCollector logs how the garbage collector works, whoever set it.
func logCollector() {
	percent := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(percent)
	gogc := "off"
	if p := percent[0].Value.Uint64(); p <= math.MaxInt32 {
		gogc = strconv.FormatUint(p, 10)
	}
	limit := "off"
	if l := debug.SetMemoryLimit(-1); l != math.MaxInt64 {
		limit = humanize.IBytes(uint64(l))
	}
	slog.Debug("garbage collector", "percent", gogc, "soft_limit", limit)
}

// softLimit returns how much memory may be in use before the collector works harder: three quarters
// of the machine's less what messages may take.
func softLimit(machine, messages int64) int64 {
	if machine == math.MaxInt64 {
		return minSoftLimit
	}
	return max(minSoftLimit, machine/4*3-messages)
}

// cgroupMemory returns the least memory limit of the process's control group and those that it is
// in, of Linux's version 2 or 1, or math.MaxInt64 if there is none. The argument is the folder /.
// See https://docs.kernel.org/admin-guide/cgroup-v2.html and cgroup-v1/memory.html there.
func cgroupMemory(root fs.FS) int64 {
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	least := int64(math.MaxInt64)
	if err != nil {
		return least
	}
	for line := range strings.Lines(string(groups)) { // id:controllers:path
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		folder, file := "sys/fs/cgroup", "memory.max"
		switch {
		case strings.Contains(","+parts[1]+",", ",memory,"):
			folder, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		case parts[1] != "":
			continue
		}
		// In a container the path may be that of the host: what exists of it counts.
		for group := slashpath.Clean("/" + parts[2]); ; group = slashpath.Dir(group) {
			least = min(least, memoryLimitIn(root, slashpath.Join(folder, group, file)))
			if group == "/" {
				break
			}
		}
	}
	return least
}

// memoryLimitIn returns the limit in a file, or math.MaxInt64 if it has none. Version 1 writes a
// number near that for none.
func memoryLimitIn(root fs.FS, file string) int64 {
	text, err := fs.ReadFile(root, file)
	if err != nil {
		return math.MaxInt64
	}
	limit, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64)
	if err != nil || limit <= 0 || limit > math.MaxInt64/2 {
		return math.MaxInt64 // "max"
	}
	return limit
}
