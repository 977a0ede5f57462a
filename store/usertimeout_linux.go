package store

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// setUserTimeout closes the connection when what was sent is not acknowledged within timeout;
// keep-alive does not detect that. On a kernel that lacks the option it does nothing.
func setUserTimeout(conn *net.TCPConn, timeout time.Duration) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT,
			int(timeout.Milliseconds()))
	})
}
