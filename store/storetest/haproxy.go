package storetest

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// errNoHAProxy means that no HAProxy was found.
var errNoHAProxy = errors.New("HAProxy is not installed (Debian's package is haproxy)")

// HAProxy starts an HAProxy in TCP mode in front of a database's server, and returns the URL of the
// database through it. It ends with the test, on Linux with the test process at the latest. Without
// HAProxy it skips the test; with ACKBOX_TEST_REQUIRE=haproxy it fails.
func HAProxy(tb testing.TB, databaseURL string) string {
	tb.Helper()
	program, err := findProgram("haproxy")
	if err != nil {
		skip(tb, "haproxy", errNoHAProxy)
	}
	return startProxy(tb, func(folder string, port int) (*exec.Cmd, string, error) {
		parsed, err := url.Parse(databaseURL)
		if err != nil {
			return nil, "", errors.New("the database's URL is not a valid URL")
		}
		server := net.JoinHostPort(parsed.Hostname(), serverPort(parsed))
		config := fmt.Sprintf("defaults\n\tmode tcp\n\ttimeout connect 10s\n\ttimeout client 10m\n"+
			"\ttimeout server 10m\nlisten postgres\n\tbind 127.0.0.1:%d\n\tserver one %s\n", port, server)
		file := filepath.Join(folder, "haproxy.cfg")
		err = os.WriteFile(file, []byte(config), 0o644)
		return exec.Command(program, "-db", "-f", file), through(parsed, port), err
	})
}
