//go:build !linux

package storetest

import "syscall"

// dependent is for Linux only: elsewhere a server may outlive a test process that is killed.
func dependent(attributes *syscall.SysProcAttr) *syscall.SysProcAttr { return attributes }
