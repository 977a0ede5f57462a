package main

import (
	"math"
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
		"no limit":  {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, none},
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
