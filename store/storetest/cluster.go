package storetest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrNotInstalled means that no PostgreSQL binaries were found.
var ErrNotInstalled = errors.New("PostgreSQL is not installed, and TEST_DATABASE_URL is not set")

// Options are the options of a cluster.
type Options struct {
	// Settings are for postgresql.conf, such as "fsync": "on", which is off unless given: tests do
	// not need it.
	Settings map[string]string
	// Start starts the process of the server, in place of its own Start. It is called on the thread
	// whose end the process does not outlive.
	Start func(*exec.Cmd) error
}

// Cluster is a PostgreSQL server with its data in a temporary folder. It listens on a port of the
// loopback address that stays the same across [Cluster.Stop] and [Cluster.Start]. On Linux it ends
// with the test process, however that ends. Its methods are not safe for concurrent use.
type Cluster struct {
	folder string
	bin    string // the folder of the binaries
	port   int
	exited <-chan error // receives what the running server's Wait returns; nil when it is stopped
	server *os.Process
	launch func(*exec.Cmd) error // Options.Start, or nil
}

// startTimeout is how long a server may take until it accepts connections, even after a crash.
const startTimeout = time.Minute

// StartCluster creates a cluster and starts it. It looks for PostgreSQL's binaries in PATH and in
// /usr/lib/postgresql, the newest first, and returns [ErrNotInstalled] if there are none.
func StartCluster(ctx context.Context, options Options) (_ *Cluster, err error) {
	bin, err := findBinaries()
	if err != nil {
		return nil, err
	}
	// A short path: that of a socket may have about 100 bytes.
	folder, err := os.MkdirTemp("", "ackbox-pg-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{folder: folder, bin: bin, launch: options.Start}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	if err := chownToServer(folder); err != nil {
		return nil, err
	}
	if err := c.initialize(ctx, options); err != nil {
		return nil, err
	}
	return c, c.Start(ctx)
}

// findBinaries returns the folder with initdb and postgres.
func findBinaries() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		path, err = filepath.EvalSymlinks(path)
		if folder := filepath.Dir(path); err == nil && isFile(filepath.Join(folder, "postgres")) {
			return folder, nil
		}
	}
	folders, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	slices.SortFunc(folders, func(a, b string) int { return majorVersion(b) - majorVersion(a) })
	for _, folder := range folders {
		if isFile(filepath.Join(folder, "initdb")) && isFile(filepath.Join(folder, "postgres")) {
			return folder, nil
		}
	}
	return "", ErrNotInstalled
}

// majorVersion returns 15 for /usr/lib/postgresql/15/bin.
func majorVersion(folder string) int {
	major, _ := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
	return major
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// initialize creates the data and writes the settings.
func (c *Cluster) initialize(ctx context.Context, options Options) (err error) {
	if c.port, err = freePort(); err != nil {
		return err
	}
	initdb := exec.CommandContext(ctx, filepath.Join(c.bin, "initdb"), "--no-sync", "--no-locale",
		"--encoding=UTF8", "--auth=trust", "--username=postgres", "--pgdata="+c.data())
	initdb.Dir = c.folder
	initdb.SysProcAttr = unprivileged()
	if output, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, bytes.TrimSpace(output))
	}
	settings := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"port":                    strconv.Itoa(c.port),
		"unix_socket_directories": c.folder,
		"max_connections":         "200",
		"shared_buffers":          "64MB",
		"fsync":                   "off",
	}
	maps.Copy(settings, options.Settings)
	return c.configure(settings)
}

// configure appends settings to postgresql.conf, where the last one of a name counts.
func (c *Cluster) configure(settings map[string]string) error {
	var config strings.Builder
	for name, value := range settings {
		fmt.Fprintf(&config, "%s = '%s'\n", name, strings.ReplaceAll(value, "'", "''"))
	}
	file, err := os.OpenFile(filepath.Join(c.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(config.String())
	return errors.Join(err, file.Close())
}

// freePort returns a port that no process listens on at the moment.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return listener.Addr().(*net.TCPAddr).Port, listener.Close()
}

func (c *Cluster) data() string { return filepath.Join(c.folder, "data") }

// URL returns the DATABASE_URL of one of the cluster's databases. A new cluster has "postgres".
func (c *Cluster) URL(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", c.port, database)
}

// Start starts a stopped cluster and waits until it accepts connections.
func (c *Cluster) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	server := exec.Command(filepath.Join(c.bin, "postgres"), "-D", c.data())
	server.Dir = c.folder
	server.SysProcAttr = endWithParent(unprivileged())
	output, err := os.Create(filepath.Join(c.folder, "server.log"))
	if err != nil {
		return err
	}
	defer output.Close()
	server.Stdout, server.Stderr = output, output
	start := server.Start
	if c.launch != nil {
		start = func() error { return c.launch(server) }
	}
	exited, err := launchBound(server, start)
	if err != nil {
		return err
	}
	c.server, c.exited = server.Process, exited
	return c.waitReady(ctx)
}

// startBound starts a process that [endWithParent] binds to this one. The channel receives what its
// Wait returns.
func startBound(cmd *exec.Cmd) (<-chan error, error) { return launchBound(cmd, cmd.Start) }

// launchBound does as startBound, with a function that starts the process.
func launchBound(cmd *exec.Cmd, start func() error) (<-chan error, error) {
	started := make(chan error)
	exited := make(chan error, 1)
	go func() {
		// The kernel ends the process when the thread that started it ends: keep that thread.
		runtime.LockOSThread()
		err := start()
		started <- err
		if err == nil {
			exited <- cmd.Wait()
		}
	}()
	return exited, <-started
}

func (c *Cluster) open() (*sql.DB, error) { return sql.Open("postgres", c.URL("postgres")) }

// waitReady sends queries until the server answers.
func (c *Cluster) waitReady(ctx context.Context) error {
	db, err := c.open()
	if err != nil {
		return err
	}
	defer db.Close()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		var one int
		failure := db.QueryRowContext(ctx, "select 1").Scan(&one)
		if failure == nil {
			return nil
		}
		select {
		case err := <-c.exited:
			c.server, c.exited = nil, nil
			return fmt.Errorf("postgres ended: %w: %s", err, c.log())
		case <-ctx.Done():
			return fmt.Errorf("postgres does not answer: %w: %s", failure, c.log())
		case <-ticker.C:
		}
	}
}

// log returns the end of the server's output.
func (c *Cluster) log() string {
	file, err := os.Open(filepath.Join(c.folder, "server.log"))
	if err != nil {
		return ""
	}
	defer file.Close()
	text, _ := io.ReadAll(file)
	return string(text[max(0, len(text)-2000):])
}

// Stop stops the server: in order, or immediately, as in a crash of its machine, so that the next
// start recovers from the write-ahead log. It does nothing if the server is stopped already.
func (c *Cluster) Stop(immediate bool) error {
	if c.server == nil {
		return nil
	}
	stop := syscall.SIGINT // "fast": running transactions are ended
	if immediate {
		stop = syscall.SIGQUIT
	}
	if err := c.server.Signal(stop); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	err := <-c.exited
	c.server, c.exited = nil, nil
	if _, ok := errors.AsType[*exec.ExitError](err); ok && immediate {
		return nil // it then exits with a status of its own
	}
	return err
}

// Close stops the server and removes its data.
func (c *Cluster) Close() error {
	return errors.Join(c.Stop(true), os.RemoveAll(c.folder))
}
