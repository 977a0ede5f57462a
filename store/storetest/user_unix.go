//go:build unix

package storetest

import (
	"errors"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// serverUser returns the user that the server runs as if root starts it, as PostgreSQL refuses to
// run as root: postgres, or else nobody. It returns nil if the server runs as the current user.
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

// chownToServer makes the server's user the owner of a folder.
func chownToServer(folder string) error {
	if to := serverUser(); to != nil {
		return os.Chown(folder, int(to.Uid), int(to.Gid))
	}
	return nil
}

// unprivileged returns the attributes of a process that runs as the server's user, in a process
// group of its own, so that an interrupt from the terminal does not reach it.
func unprivileged() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: serverUser(), Setpgid: true}
}
