package storetest

import "syscall"

// dependent makes the kernel stop the server when the test process ends, whatever ended it: SIGQUIT is an immediate
// shutdown, of the server's own processes too.
func dependent(attributes *syscall.SysProcAttr) *syscall.SysProcAttr {
	attributes.Pdeathsig = syscall.SIGQUIT
	return attributes
}
