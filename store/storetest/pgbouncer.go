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
	"strings"
	"syscall"
	"testing"
	"time"
)

// errNoPgBouncer means that no PgBouncer was found.
var errNoPgBouncer = errors.New("PgBouncer is not installed (Debian's package is pgbouncer)")

// PgBouncer starts a PgBouncer in transaction mode in front of a database's server, with the given
// number of connections to it, and returns the URL of the database through it. It ends with the
// test, on Linux with the test process at the latest. Without PgBouncer it skips the test; with
// ACKBOX_TEST_REQUIRE=pgbouncer it fails.
func PgBouncer(tb testing.TB, databaseURL string, connections int) string {
	tb.Helper()
	program, err := findPgBouncer()
	if err != nil {
		skip(tb, "pgbouncer", err)
	}
	through, stop, err := startPgBouncer(tb.Context(), program, databaseURL, connections)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := stop(); err != nil {
			tb.Errorf("stop PgBouncer: %v", err)
		}
	})
	return through
}

// findPgBouncer returns the path of the program. It also looks where Debian installs it, which is
// not in everyone's PATH.
func findPgBouncer() (string, error) {
	if path, err := exec.LookPath("pgbouncer"); err == nil {
		return path, nil
	}
	if path := "/usr/sbin/pgbouncer"; isFile(path) {
		return path, nil
	}
	return "", errNoPgBouncer
}

func startPgBouncer(
	ctx context.Context, program, databaseURL string, connections int,
) (through string, stop func() error, err error) {
	folder, err := os.MkdirTemp("", "ackbox-bouncer-")
	if err != nil {
		return "", nil, err
	}
	remove := func() error { return os.RemoveAll(folder) }
	port, err := freePort()
	if err == nil {
		through, err = writeBouncerConfig(folder, port, databaseURL, connections)
	}
	if err == nil {
		err = chownToServer(folder)
	}
	if err != nil {
		return "", nil, errors.Join(err, remove())
	}
	output, err := os.Create(filepath.Join(folder, "pgbouncer.log"))
	if err != nil {
		return "", nil, errors.Join(err, remove())
	}
	defer output.Close()
	cmd := exec.Command(program, filepath.Join(folder, "pgbouncer.ini"))
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, output, output
	cmd.SysProcAttr = endWithParent(unprivileged())
	exited, err := startBound(cmd)
	if err != nil {
		return "", nil, errors.Join(err, remove())
	}
	stop = func() error {
		_ = cmd.Process.Signal(syscall.SIGTERM) // an immediate shutdown; it may have ended
		<-exited
		return remove()
	}
	if err := waitListening(ctx, port); err != nil {
		text, _ := os.ReadFile(output.Name())
		return "", nil, errors.Join(fmt.Errorf("pgbouncer: %w: %s", err, text), stop())
	}
	return through, stop, nil
}

// writeBouncerConfig writes the files of a PgBouncer that connects with the user and password of
// the database's URL, and returns the URL through it.
func writeBouncerConfig(
	folder string, port int, databaseURL string, connections int,
) (through string, err error) {
	parsed, err := url.Parse(databaseURL)
	if err != nil {
		return "", errors.New("the database's URL is not a valid URL")
	}
	serverPort := parsed.Port()
	if serverPort == "" {
		serverPort = "5432"
	}
	password, _ := parsed.User.Password()
	user := quoteBouncer(parsed.User.Username())
	config := fmt.Sprintf("[databases]\n* = host=%s port=%s\n[pgbouncer]\n"+
		"listen_addr = 127.0.0.1\nlisten_port = %d\nunix_socket_dir =\n"+
		"auth_type = trust\nauth_file = users\npool_mode = transaction\ndefault_pool_size = %d\n"+
		"max_client_conn = 500\n",
		parsed.Hostname(), serverPort, port, connections)
	err = errors.Join(
		os.WriteFile(filepath.Join(folder, "pgbouncer.ini"), []byte(config), 0o644),
		os.WriteFile(filepath.Join(folder, "users"), []byte(user+" "+quoteBouncer(password)+"\n"), 0o644))
	parsed.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	parsed.RawQuery = "sslmode=disable"
	return parsed.String(), err
}

func quoteBouncer(text string) string { return `"` + strings.ReplaceAll(text, `"`, `""`) + `"` }

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
