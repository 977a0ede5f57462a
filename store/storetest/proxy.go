package storetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// startProxy starts a process in front of a database's server. Its configuration is written by
// configure, to a folder of its own and for a port of the loopback address. It returns the URL that
// configure returns.
func startProxy(
	tb testing.TB, configure func(folder string, port int) (cmd *exec.Cmd, through string, err error),
) (through string) {
	tb.Helper()
	folder, err := os.MkdirTemp("", "ackbox-proxy-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			tb.Error(err)
		}
	})
	port, err := freePort()
	if err != nil {
		tb.Fatal(err)
	}
	cmd, through, err := configure(folder, port)
	if err = errors.Join(err, chownToServer(folder)); err != nil {
		tb.Fatal(err)
	}
	stop, err := runProxy(tb.Context(), cmd, folder, port)
	if err != nil {
		tb.Fatalf("%s: %v", filepath.Base(cmd.Path), err)
	}
	tb.Cleanup(stop)
	return through
}

// runProxy starts the process in the folder, and returns once it listens on the port.
func runProxy(ctx context.Context, cmd *exec.Cmd, folder string, port int) (stop func(), err error) {
	output, err := os.Create(filepath.Join(folder, "output"))
	if err != nil {
		return nil, err
	}
	defer output.Close()
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, output, output
	cmd.SysProcAttr = endWithParent(unprivileged())
	exited, err := startBound(cmd)
	if err != nil {
		return nil, err
	}
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // an immediate shutdown; it may have ended
		<-exited
	}
	if err := waitListening(ctx, port); err != nil {
		stop()
		text, _ := os.ReadFile(output.Name())
		return nil, fmt.Errorf("%w: %s", err, text)
	}
	return stop, nil
}

// findProgram returns the path of a program. It also looks where Debian installs servers, which is
// not in everyone's PATH.
func findProgram(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	return exec.LookPath(filepath.Join("/usr/sbin", name))
}

// serverPort returns the port of a database's URL.
func serverPort(database *url.URL) string {
	if port := database.Port(); port != "" {
		return port
	}
	return "5432"
}

// through returns the URL of a database through a port of the loopback address.
func through(database *url.URL, port int) string {
	proxied := *database
	proxied.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	proxied.RawQuery = "sslmode=disable"
	return proxied.String()
}

// waitListening connects until a process listens on the port.
func waitListening(ctx context.Context, port int) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return err
		case <-ticker.C:
		}
	}
}
