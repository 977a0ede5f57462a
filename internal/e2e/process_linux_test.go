package e2e_test

import "syscall"

// dependent makes the kernel kill a process when the test process ends, whatever ended it.
func dependent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
