package storetest

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// errNoPgBouncer means that no PgBouncer was found.
var errNoPgBouncer = errors.New("PgBouncer is not installed (Debian's package is pgbouncer)")

// PgBouncer starts a PgBouncer in transaction mode in front of a database's server, with the given
// number of connections to it, and returns the URL of the database through it. It ends with the
// test, on Linux with the test process at the latest. Without PgBouncer it skips the test; with
// ACKBOX_TEST_REQUIRE=pgbouncer it fails.
func PgBouncer(tb testing.TB, databaseURL string, connections int) string {
	tb.Helper()
	program, err := findProgram("pgbouncer")
	if err != nil {
		skip(tb, "pgbouncer", errNoPgBouncer)
	}
	return startProxy(tb, func(folder string, port int) (*exec.Cmd, string, error) {
		through, err := writeBouncerConfig(folder, port, databaseURL, connections)
		return exec.Command(program, filepath.Join(folder, "pgbouncer.ini")), through, err
	})
}

// writeBouncerConfig writes the files of a PgBouncer that connects with the user and password of
// the database's URL, and returns the URL through it.
func writeBouncerConfig(
	folder string, port int, databaseURL string, connections int,
) (databaseThrough string, err error) {
	parsed, err := url.Parse(databaseURL)
	if err != nil {
		return "", errors.New("the database's URL is not a valid URL")
	}
	password, _ := parsed.User.Password()
	user := quoteBouncer(parsed.User.Username())
	config := fmt.Sprintf("[databases]\n* = host=%s port=%s\n[pgbouncer]\n"+
		"listen_addr = 127.0.0.1\nlisten_port = %d\nunix_socket_dir =\n"+
		"auth_type = trust\nauth_file = users\npool_mode = transaction\ndefault_pool_size = %d\n"+
		"max_client_conn = 500\n",
		parsed.Hostname(), serverPort(parsed), port, connections)
	err = errors.Join(
		os.WriteFile(filepath.Join(folder, "pgbouncer.ini"), []byte(config), 0o644),
		os.WriteFile(filepath.Join(folder, "users"), []byte(user+" "+quoteBouncer(password)+"\n"), 0o644))
	return through(parsed, port), err
}

func quoteBouncer(text string) string { return `"` + strings.ReplaceAll(text, `"`, `""`) + `"` }
