//go:build !linux

package store

import (
	"net"
	"time"
)

// setUserTimeout is for Linux only; elsewhere the system's own limit holds.
func setUserTimeout(*net.TCPConn, time.Duration) {}
