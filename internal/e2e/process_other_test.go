//go:build !linux

package e2e_test

import "syscall"

// dependent is for Linux only: elsewhere a process may outlive a test process that is killed.
func dependent() *syscall.SysProcAttr { return nil }
