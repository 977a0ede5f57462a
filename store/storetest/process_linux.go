package storetest

import "syscall"

// endWithParent makes the kernel stop the server when the test process ends, however it ends:
// SIGQUIT is an immediate shutdown, including the server's own processes.
func endWithParent(attributes *syscall.SysProcAttr) *syscall.SysProcAttr {
	attributes.Pdeathsig = syscall.SIGQUIT
	return attributes
}
