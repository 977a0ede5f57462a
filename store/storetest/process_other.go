//go:build !linux

package storetest

import "syscall"

// endWithParent does nothing: only Linux has this. Elsewhere a server may outlive a test process
// that is killed.
func endWithParent(attributes *syscall.SysProcAttr) *syscall.SysProcAttr { return attributes }
