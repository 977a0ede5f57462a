package main

import (
	"math"
	"os"
	"runtime/debug"
	"testing"
	"testing/fstest"
)

func TestCgroupMemory(t *testing.T) {
	t.Parallel()
	const none = math.MaxInt64
	for name, test := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"not Linux": {nil, none},
		"no limit": {map[string]string{
			"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n",
		}, none},
		"a container": {map[string]string{
			"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "536870912\n",
		}, 512 << 20},
		"a service in a slice with less": {map[string]string{
			"proc/self/cgroup":                             "0::/a.slice/b.service\n",
			"sys/fs/cgroup/a.slice/b.service/memory.max":   "1073741824\n",
			"sys/fs/cgroup/a.slice/memory.max":             "268435456\n",
			"sys/fs/cgroup/another.slice/memory.max":       "1048576\n",
			"sys/fs/cgroup/a.slice/b.service/c/memory.max": "1048576\n",
		}, 256 << 20},
		"a service without a limit in slices with one": {map[string]string{
			"proc/self/cgroup": "0::/a.slice/a-b.slice/c.service\n",
			"sys/fs/cgroup/a.slice/a-b.slice/c.service/memory.max": "max\n",
			"sys/fs/cgroup/a.slice/a-b.slice/memory.max":           "max\n",
			"sys/fs/cgroup/a.slice/memory.max":                     "268435456\n",
		}, 256 << 20},
		"version 1, nested": {map[string]string{
			"proc/self/cgroup": "4:cpu,memory:/a/b\n0::/a/b\n",
			"sys/fs/cgroup/memory/a/b/memory.limit_in_bytes": "9223372036854771712\n",
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes":   "268435456\n",
		}, 256 << 20},
		"version 1": {map[string]string{
			"proc/self/cgroup": "5:cpu,cpuacct:/x\n4:memory:/docker/1\n0::/\n",
			"sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes": "805306368\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes":          "9223372036854771712\n",
		}, 768 << 20},
		"version 1, the path of the host": {map[string]string{
			"proc/self/cgroup":                           "4:memory:/docker/1\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "805306368\n",
		}, 768 << 20},
		"garbage": {map[string]string{
			"proc/self/cgroup": "x\n0::/../../etc\n\n7:memory\n", "sys/fs/cgroup/memory.max": "-5\n",
		}, none},
		"empty files": {map[string]string{
			"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "", "sys/fs/cgroup/memory.max": "1e9\n",
		}, none},
		"more than a number can be": {map[string]string{
			"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "99999999999999999999\n",
		}, none},
	} {
		files := fstest.MapFS{}
		for path, text := range test.files {
			files[path] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := cgroupMemory(files); got != test.want {
			t.Errorf("%s: got %d, want %d", name, got, test.want)
		}
	}
}

// What people have set with Go's own variables stays.
func TestTheCollectorIsSetUnlessTheEnvironmentSetsIt(t *testing.T) { //nolint:paralleltest // of all tests
	const percent, limit = 77, 1 << 40
	oldPercent, oldLimit := debug.SetGCPercent(percent), debug.SetMemoryLimit(limit)
	defer func() {
		debug.SetGCPercent(oldPercent)
		debug.SetMemoryLimit(oldLimit)
	}()
	machine := softLimit(cgroupMemory(os.DirFS("/")), 0)
	for _, test := range []struct {
		gogc, gomemlimit string
		percent          int
		limit            int64
	}{
		{"77", "1TiB", percent, limit},
		{"77", "", percent, machine},
		{"", "1TiB", gcPercent, limit},
		{"", "", gcPercent, machine},
	} {
		t.Setenv("GOGC", test.gogc)
		t.Setenv("GOMEMLIMIT", test.gomemlimit)
		setCollector(0)
		gotLimit, gotPercent := debug.SetMemoryLimit(limit), debug.SetGCPercent(percent)
		if gotLimit != test.limit || gotPercent != test.percent {
			t.Errorf("GOGC=%s, GOMEMLIMIT=%s: got %d %% and %d bytes, want %d %% and %d",
				test.gogc, test.gomemlimit, gotPercent, gotLimit, test.percent, test.limit)
		}
	}
}

func TestSoftLimit(t *testing.T) {
	t.Parallel()
	const mib, messages = 1 << 20, 256 << 20
	for machine, want := range map[int64]int64{
		math.MaxInt64: 128 * mib, 512 * mib: 128 * mib, 64 * mib: 128 * mib, 1024 * mib: 512 * mib,
	} {
		if got := softLimit(machine, messages); got != want {
			t.Errorf("%d MiB: got %d MiB, want %d", machine/mib, got/mib, want/mib)
		}
	}
}
