package store

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// setUserTimeout ends the connection when what was sent is not acknowledged for so long; keep-alive does not see that.
// A kernel that does not know the option goes without.
func setUserTimeout(conn *net.TCPConn, timeout time.Duration) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(timeout.Milliseconds()))
	})
}
