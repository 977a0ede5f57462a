//go:build !linux

package e2e_test

import "syscall"

// dependent has an effect on Linux only. Elsewhere a process may outlive a test process that is
// killed.
func dependent() *syscall.SysProcAttr { return nil }
