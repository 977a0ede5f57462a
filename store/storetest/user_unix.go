//go:build unix

package storetest

import (
	"errors"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// serverUser is whom the server runs as when root starts it, which it refuses: postgres, or else nobody. It is nil when
// it runs as whoever starts it.
func serverUser() *syscall.Credential {
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(account.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(account.Gid, 10, 32)
		if errors.Join(errUID, errGID) == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
	}
	return nil
}

// giveAway makes a folder that of the server's user.
func giveAway(folder string) error {
	if to := serverUser(); to != nil {
		return os.Chown(folder, int(to.Uid), int(to.Gid))
	}
	return nil
}

// unprivileged starts a process as the server's user, in a process group of its own: an interrupt of the terminal is
// not for it.
func unprivileged() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: serverUser(), Setpgid: true}
}
