//go:build !linux

package store

import (
	"net"
	"time"
)

// setUserTimeout does nothing: only Linux has the option. Elsewhere the system's own limit applies.
func setUserTimeout(*net.TCPConn, time.Duration) {}
