package e2e_test

import "syscall"

// dependent makes the kernel kill a process when the test process ends, however it ends.
func dependent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
