package main

import (
	"runtime/debug"
	"strings"
	"testing"
)

func TestVersionIsPrintedByCommandAndFlag(t *testing.T) {
	t.Parallel()
	got := command(t, "version")
	if got.code != exitDone || got.err != "" || !strings.HasPrefix(got.out, "ackbox ") ||
		strings.Count(got.out, "\n") != 1 {
		t.Errorf("got %+v, want one line", got)
	}
	if flag := command(t, "--version"); flag != got {
		t.Errorf("--version: got %+v, want %+v", flag, got)
	}
}

func TestVersionIsTheReleaseOrTheCommit(t *testing.T) {
	t.Parallel()
	commit := []debug.BuildSetting{{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: "c0ffee"}}
	for _, test := range []struct{ release, module, want string }{
		{"v1.2.3", "v9.9.9", "v1.2.3"},
		{"", "v0.0.0-20261122010203-c0ffee000000", "v0.0.0-20261122010203-c0ffee000000"},
		{"", "(devel)", "c0ffee"},
		{"", "", "c0ffee"},
	} {
		info := &debug.BuildInfo{Main: debug.Module{Version: test.module}, Settings: commit}
		if got := versionOf(test.release, info); got != test.want {
			t.Errorf("%+v: got %q, want %q", test, got, test.want)
		}
	}
	if got := versionOf("", &debug.BuildInfo{}); got != "(devel)" {
		t.Errorf("got %q without anything, want (devel)", got)
	}
}
