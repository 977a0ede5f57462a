package storetest

import "syscall"

func chownToServer(string) error { return nil }

func unprivileged() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }
